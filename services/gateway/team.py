"""The rules of a team: who invites, changes and removes whom. No organisation is ever without an owner. Pure."""

from collections.abc import Iterable

from shared.contracts.partners import (
    AcceptInvitation,
    ChangeMember,
    ChangeOwnSettings,
    InviteMember,
    Member,
    Partner,
    PartnerChanged,
    RemoveMember,
    Role,
    member_id_of,
)
from shared.decisions import Decision, Rejection

TeamCommand = InviteMember | AcceptInvitation | ChangeMember | ChangeOwnSettings | RemoveMember

MOST_MEMBERS = 500
MOST_INVITED = 100
_NO_MEMBER = Rejection("no_member", "Nobody in the team has this id.")
_LAST_OWNER = Rejection("last_owner", "An organisation needs an owner. Make somebody else one first.")
_ADMINS_ONLY = Rejection("forbidden", "Only owners and admins can change the team.")
_OWNERS_ONLY = Rejection("forbidden", "Only owners can make, change or remove owners.")


def team_after(members: tuple[Member, ...], fact: PartnerChanged) -> tuple[Member, ...]:
    """The team after a fact that names the one who is new, not as before, or gone."""
    if fact.removed is not None:
        return tuple(one for one in members if one.member_id != fact.removed.member_id)
    return _with(members, fact.member) if fact.member is not None else members


def no_room(partner: Partner) -> Rejection | None:
    """Why nobody else can be invited, if that is so."""
    if len(partner.members) >= MOST_MEMBERS:
        return Rejection("too_many_members", f"A team has {MOST_MEMBERS} members at most.")
    if sum(not one.joined for one in partner.members) >= MOST_INVITED:
        return Rejection("too_many_invitations", f"{MOST_INVITED} invitations wait already. Take some of them back.")
    return None


def decide_team(partner: Partner, command: TeamCommand) -> Decision:
    acting = partner.acting(command.actor)
    if acting is None:
        return Rejection("forbidden", "Only the team changes the team.")
    match command:
        case AcceptInvitation():
            if acting.joined:
                return []
            return [_changed(acting.model_copy(update={"joined": True}), command)]
        case _ if not acting.joined:
            return Rejection("forbidden", "This invitation has not been accepted yet.")
        case ChangeOwnSettings(name=name, locale=locale, mailed=mailed):
            chosen = {"name": name, "locale": locale, "mailed": mailed and tuple(dict.fromkeys(mailed))}
            changed = acting.model_copy(update=chosen)
            return [] if changed == acting else [_changed(changed, command)]
        case InviteMember():
            return _invite(partner, acting, command)
        case ChangeMember():
            return _change(partner, acting, command)
        case RemoveMember():
            return _remove(partner, acting, command)


def _invite(partner: Partner, acting: Member, command: InviteMember) -> Decision:
    if not acting.administers:
        return _ADMINS_ONLY
    if command.role is Role.OWNER and acting.role is not Role.OWNER:
        return _OWNERS_ONLY
    before = partner.named_at(command.email)
    if before is not None and before.joined:
        return Rejection("already_member", "This address is in the team.")
    if before is not None and before.role is Role.OWNER and acting.role is not Role.OWNER:
        return _OWNERS_ONLY
    if before is None and (full := no_room(partner)):
        return full
    invited = Member(
        member_id=before.member_id if before else member_id_of(partner.partner_id, command.email),
        name=command.name,
        email=command.email,
        role=command.role,
        locale=command.locale,
        joined=False,
        assigned_only=command.assigned_only,
    )
    return [_changed(invited, command).model_copy(update={"invited": invited.member_id})]


def _change(partner: Partner, acting: Member, command: ChangeMember) -> Decision:
    member = partner.member(command.member_id)
    if member is None:
        return _NO_MEMBER
    if not acting.administers:
        return _ADMINS_ONLY
    if Role.OWNER in (member.role, command.role) and acting.role is not Role.OWNER:
        return _OWNERS_ONLY
    changed = member.model_copy(update={"role": command.role, "assigned_only": command.assigned_only})
    if changed == member:
        return []
    if not _has_owner(_with(partner.members, changed)):
        return _LAST_OWNER
    return [_changed(changed, command)]


def _remove(partner: Partner, acting: Member, command: RemoveMember) -> Decision:
    member = partner.member(command.member_id)
    if member is None:
        return _NO_MEMBER
    leaves = member.member_id == acting.member_id
    if not leaves and not acting.administers:
        return _ADMINS_ONLY
    if member.role is Role.OWNER and acting.role is not Role.OWNER:
        return _OWNERS_ONLY
    rest = tuple(one for one in partner.members if one.member_id != member.member_id)
    if not _has_owner(rest):
        return _LAST_OWNER
    return [PartnerChanged(removed=member, actor=command.actor)]


def _changed(member: Member, command: TeamCommand) -> PartnerChanged:
    return PartnerChanged(member=member, actor=command.actor)


def _with(members: tuple[Member, ...], member: Member) -> tuple[Member, ...]:
    """The team with this member in its place, or at the end."""
    if all(one.member_id != member.member_id for one in members):
        return (*members, member)
    return tuple(member if one.member_id == member.member_id else one for one in members)


def _has_owner(members: Iterable[Member]) -> bool:
    return any(member.role is Role.OWNER and member.joined for member in members)
