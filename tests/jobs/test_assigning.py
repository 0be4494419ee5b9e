"""Who works on a job: two at once are both assigned, who replaces the whole says what it saw, and a leaving takes
nothing from whoever is back.
"""

import pytest

from services.jobs.assigning import MOST_ASSIGNEES
from services.jobs.job import decide, evolve
from shared.contracts.base import Message, derived_id
from shared.contracts.jobs import (
    AssignMember,
    AssignMembers,
    Job,
    JobParts,
    MembersAssigned,
    SendMessage,
    Status,
    UnassignMember,
)
from shared.decisions import Decision, Rejection
from tests.builders import AIKO, BY_PARTNER, BY_SYSTEM, JOB_ID, KEN, LEA, NOW, a_job


def told(job: Job, command: Message) -> Decision:
    return decide(job, command, JOB_ID, NOW)


def after(job: Job, *commands: Message) -> Job:
    """As the loop does it: each fact makes the next version."""
    for command in commands:
        decision = told(job, command)
        assert not isinstance(decision, Rejection), decision
        for fact in decision:
            job = evolve(job, fact, JOB_ID, NOW).model_copy(update={"version": job.version + 1})
    return job


def plus(member_id=KEN, seen: int = 0) -> AssignMember:
    return AssignMember(member_id=member_id, team_version=seen, actor=BY_PARTNER)


def whole(*member_ids, seen: int = 0, expected: int | None = None) -> AssignMembers:
    return AssignMembers(member_ids=member_ids, team_version=seen, expected_version=expected, actor=BY_PARTNER)


def left(version: int | None, member_id=KEN) -> UnassignMember:
    return UnassignMember(member_id=member_id, left_version=version, actor=BY_SYSTEM)


def test_two_who_assign_themselves_are_both_assigned() -> None:
    job = after(a_job(assignees=(LEA,)), plus(AIKO), plus(KEN))
    assert job.assignees == (LEA, AIKO, KEN)


def test_one_more_tells_who_is_new_and_once_more_tells_nothing() -> None:
    (fact,) = told(a_job(assignees=(AIKO,)), plus(KEN))
    assert (fact.member_ids, fact.added) == ((AIKO, KEN), (KEN,))
    assert told(a_job(assignees=(AIKO, KEN)), plus(KEN)) == []


def test_a_member_unassigns_one_and_leaves_the_others() -> None:
    job = after(a_job(assignees=(AIKO, KEN)), UnassignMember(member_id=AIKO, actor=BY_PARTNER))
    assert job.assignees == (KEN,)


def test_there_is_an_end_to_how_many_work_on_one_job() -> None:
    crowd = tuple(derived_id("member", number) for number in range(MOST_ASSIGNEES))
    assert told(a_job(assignees=crowd), plus()).code == "too_many_assignees"
    assert told(a_job(), whole(*crowd, KEN)).code == "too_many_assignees"
    assert after(a_job(assignees=(*crowd, KEN)), left(None)).assignees == crowd


def test_of_two_who_replace_the_same_whole_the_second_is_told() -> None:
    job = after(a_job(Status.REPLIED), whole(AIKO))
    seen = job.version
    job = after(job, whole(KEN, expected=seen))
    assert told(job, whole(LEA, expected=seen)).code == "version_mismatch"
    assert after(job, whole(LEA, expected=job.version)).assignees == (LEA,)


def test_what_else_happens_to_the_job_refuses_nobody() -> None:
    job = after(a_job(Status.REPLIED), whole(AIKO))
    seen = job.version
    job = after(job, SendMessage(text="Hello.", actor=BY_PARTNER), SendMessage(text="Again.", actor=BY_PARTNER))
    assert after(job, whole(KEN, expected=seen)).assignees == (KEN,)


def test_of_a_job_that_an_older_release_wrote_only_the_newest_version_counts_as_seen() -> None:
    old = a_job(Status.REPLIED, assignees=(AIKO,), parts=JobParts())
    assert told(old, whole(KEN, expected=old.version - 1)).code == "version_mismatch"
    assert after(old, whole(KEN, expected=old.version)).assignees == (KEN,)


@pytest.mark.parametrize("assign", [lambda seen: plus(KEN, seen), lambda seen: whole(KEN, seen=seen)])
def test_a_leaving_takes_what_was_assigned_before_it(assign) -> None:
    assert after(a_job(), assign(4), left(5)).assignees == ()
    assert after(a_job(), assign(0), left(5)).assignees == ()


@pytest.mark.parametrize("assign", [lambda seen: plus(KEN, seen), lambda seen: whole(KEN, seen=seen)])
def test_a_leaving_that_comes_late_takes_nothing_from_who_is_back(assign) -> None:
    job = after(a_job(), assign(7))
    assert told(job, left(5)) == []
    assert after(job, left(None)).assignees == ()


@pytest.mark.parametrize("again", [plus(KEN, 7), whole(KEN, seen=7)], ids=["one more", "the whole"])
def test_who_is_assigned_again_after_coming_back_stays_though_nobody_had_unassigned_it(again: Message) -> None:
    job = after(a_job(), plus(KEN, 4))
    (fact,) = told(job, again)
    assert (fact.member_ids, fact.added) == ((KEN,), ())
    assert after(job, again, left(5)).assignees == (KEN,)


def test_that_somebody_was_seen_again_is_no_change_of_the_whole() -> None:
    job = after(a_job(), plus(KEN, 4))
    seen = job.version
    assert after(job, plus(KEN, 7), whole(LEA, expected=seen)).assignees == (LEA,)


def test_nobody_is_seen_at_an_earlier_version_than_before() -> None:
    job = after(a_job(), plus(KEN, 7), whole(KEN, LEA, seen=3))
    assert job.team_versions == {KEN: 7, LEA: 3}


def test_who_was_assigned_by_an_older_release_was_seen_by_nobody() -> None:
    job = evolve(a_job(), MembersAssigned(member_ids=(KEN,), added=(KEN,), actor=BY_PARTNER), JOB_ID, NOW)
    assert after(job, left(1)).assignees == ()
