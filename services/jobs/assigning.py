"""Who works on a job: everybody at once, or one more or less whoever else there is, so that two people who assign
themselves at the same moment are both assigned. Pure.

Teams are told elsewhere, in an order of their own. A leaving therefore names the version at which the partner said so,
and takes nothing from whoever was seen in the team later: it is back.
"""

from uuid import UUID

from shared.contracts.base import Actor, ActorKind
from shared.contracts.jobs import AssignMember, AssignMembers, Job, MembersAssigned, UnassignMember
from shared.decisions import Decision, Rejection

AssigningCommand = AssignMembers | AssignMember | UnassignMember

MOST_ASSIGNEES = 100


def decide_assigning(job: Job, command: AssigningCommand) -> Decision:
    match command:
        case AssignMembers(member_ids=member_ids, team_version=seen, actor=actor):
            wanted = tuple(dict.fromkeys(member_ids))
            return _assign(job, wanted, dict.fromkeys(wanted, seen), actor)
        case AssignMember(member_id=member_id, team_version=seen, actor=actor):
            return _assign(job, tuple(dict.fromkeys((*job.assignees, member_id))), {member_id: seen}, actor)
        case UnassignMember(member_id=member_id, left_version=left, actor=actor):
            is_back = left is not None and job.team_versions.get(member_id, 0) > left
            if member_id not in job.assignees or is_back:
                return []
            return [_changed(job, tuple(one for one in job.assignees if one != member_id), {}, actor)]


def assigned(job: Job, fact: MembersAssigned) -> dict[str, object]:
    """What the fact changes of its job."""
    changed = {} if fact.member_ids == job.assignees else {"assignees": job.version_for(ActorKind.PARTNER) + 1}
    parts = job.parts.model_copy(update=changed)
    return {"assignees": fact.member_ids, "team_versions": fact.team_versions, "parts": parts}


def _assign(job: Job, wanted: tuple[UUID, ...], seen: dict[UUID, int], actor: Actor) -> Decision:
    """That somebody who is assigned was seen in the team later than we knew is worth a fact: an older leaving may still
    be on its way.
    """
    if set(wanted) == set(job.assignees):
        news = [member_id for member_id, version in seen.items() if version > job.team_versions.get(member_id, 0)]
        return [_changed(job, job.assignees, seen, actor)] if news else []
    if len(wanted) > max(MOST_ASSIGNEES, len(job.assignees)):
        return Rejection("too_many_assignees", f"Up to {MOST_ASSIGNEES} members work on one job.")
    return [_changed(job, wanted, seen, actor)]


def _changed(job: Job, member_ids: tuple[UUID, ...], seen: dict[UUID, int], actor: Actor) -> MembersAssigned:
    known = job.team_versions
    return MembersAssigned(
        member_ids=member_ids,
        added=tuple(member_id for member_id in member_ids if member_id not in job.assignees),
        team_versions={one: max(known.get(one, 0), seen.get(one, 0)) for one in member_ids},
        changes=member_ids != job.assignees,
        actor=actor,
    )
