"""DESIGN §5, cell by cell. Hold the two tables beside the design: they are the test."""

import pytest

from services.jobs.job import decide, evolve
from shared.contracts.base import Actor, Message
from shared.contracts.jobs import (
    AddComment,
    AssignMembers,
    CompleteJob,
    DeclineJob,
    DeclineReason,
    ExpireJob,
    Job,
    MarkInactive,
    OpenJob,
    ReactivateJob,
    RemindJob,
    ReviewJob,
    SendMessage,
    Status,
)
from shared.contracts.requests import RequestKind
from shared.decisions import Rejection
from tests.builders import (
    AIKO,
    BY_MERCHANT,
    BY_OTHER_MERCHANT,
    BY_OTHER_PARTNER,
    BY_PARTNER,
    BY_SYSTEM,
    HOUR,
    JOB_ID,
    NOW,
    WINDOW,
    a_job,
)

# A status is what the job becomes, by one fact; `=` means that nothing happens; `!word` is the rejection's code.
# The merchant's column is that of a direct request; a matched one has its own test below.
WHAT_FOLLOWS = """
status          partner-writes  merchant-writes  decline        72-h-pass          mark-inactive  complete       reactivate     open    review
new             replied         new              declined       expired            !wrong_status  !wrong_status  !wrong_status  opened  !not_completed
opened          replied         opened           declined       expired            !wrong_status  !wrong_status  !wrong_status  =       !not_completed
replied         replied         awaiting_reply   declined       !already_answered  inactive       completed      !wrong_status  =       !not_completed
awaiting_reply  replied         awaiting_reply   declined       !already_answered  inactive       completed      !wrong_status  =       !not_completed
inactive        inactive        awaiting_reply   declined       !already_answered  =              completed      replied        =       !not_completed
completed       completed       completed        !wrong_status  !already_answered  !wrong_status  =              replied        =       completed
declined        !declined       !declined        !declined      !already_answered  !declined      !declined      !declined      =       !not_completed
expired         !expired        !expired         !expired       !already_answered  !expired       !expired       !expired       =       !not_completed
"""  # noqa: E501 - a table

WHO_MAY = """
act              partner  merchant  system  other-partner  other-merchant
partner-writes   yes      -         no      no             no
merchant-writes  -        yes       no      no             no
decline          yes      yes       no      no             no
72-h-pass        no       no        yes     no             no
mark-inactive    yes      no        no      no             no
complete         yes      no        no      no             no
reactivate       yes      no        no      no             no
open             yes      no        no      no             no
review           no       yes       no      no             no
comment          yes      no        no      no             no
assign           yes      no        no      no             no
remind           no       no        yes     no             no
"""

ACTORS = {
    "partner": BY_PARTNER,
    "merchant": BY_MERCHANT,
    "system": BY_SYSTEM,
    "other-partner": BY_OTHER_PARTNER,
    "other-merchant": BY_OTHER_MERCHANT,
}
DEADLINE = NOW + WINDOW


def act(name: str, by: Actor) -> Message:  # noqa: PLR0911 - one for each act
    match name:
        case "partner-writes" | "merchant-writes":
            return SendMessage(text="Hello.", actor=by)
        case "decline":
            return DeclineJob(reason=DeclineReason.TIMING, note="Next year.", actor=by)
        case "72-h-pass":
            return ExpireJob(deadline=DEADLINE, actor=by)
        case "review":
            return ReviewJob(rating=5, text="Lovely.", actor=by)
        case "comment":
            return AddComment(text="Shall we?", actor=by)
        case "assign":
            return AssignMembers(member_ids=(AIKO,), actor=by)
        case "remind":
            return RemindJob(due_at=DEADLINE - 24 * HOUR, actor=by)
        case _:
            plain = {
                "mark-inactive": MarkInactive,
                "complete": CompleteJob,
                "reactivate": ReactivateJob,
                "open": OpenJob,
            }
            return plain[name](actor=by)


def rows(table: str) -> list[dict[str, str]]:
    head, *lines = [line.split() for line in table.strip().splitlines()]
    return [dict(zip(head, line, strict=True)) for line in lines]


FOLLOWS = {(row["status"], name): cell for row in rows(WHAT_FOLLOWS) for name, cell in row.items() if name != "status"}
MAY = {(row["act"], who): cell for row in rows(WHO_MAY) for who, cell in row.items() if who != "act"}
EVERYWHERE = ("comment", "assign")

ALLOWED = [
    (status, name, who)
    for (name, who), may in MAY.items()
    if may == "yes" and name != "remind"
    for status in [status.value for status in Status]
]
FORBIDDEN = [(status.value, name, who) for (name, who), may in MAY.items() if may == "no" for status in Status]


def after(job: Job, command: Message, at=DEADLINE) -> Job | str:
    """The job after a command, or the code of the refusal."""
    decision = decide(job, command, JOB_ID, at)
    if isinstance(decision, Rejection):
        return decision.code
    for fact in decision:
        job = evolve(job, fact, JOB_ID, at)
    return job


def test_the_tables_name_every_status_and_every_actor() -> None:
    assert {status for status, _ in FOLLOWS} == set(Status)
    assert {who for _, who in MAY} == set(ACTORS)
    assert {name for _, name in FOLLOWS} == {name for name, _ in MAY} - {"comment", "assign", "remind"}


@pytest.mark.parametrize(("status", "name", "who"), ALLOWED)
def test_what_follows_when_it_is_theirs_to_do(status: str, name: str, who: str) -> None:
    job = a_job(Status(status), kind=RequestKind.DIRECT)
    decision = decide(job, act(name, ACTORS[who]), JOB_ID, DEADLINE)
    cell = status if name in EVERYWHERE else FOLLOWS[status, name]
    if cell.startswith("!"):
        assert isinstance(decision, Rejection)
        assert decision.code == cell[1:]
        assert decision.reason.endswith(".")
    elif cell == "=":
        assert decision == []
    else:
        assert len(decision) == 1
        assert evolve(job, decision[0], JOB_ID, DEADLINE).status == cell


@pytest.mark.parametrize(("status", "name", "who"), FORBIDDEN)
def test_what_is_not_theirs_to_do_is_forbidden_in_every_status(status: str, name: str, who: str) -> None:
    assert after(a_job(Status(status), kind=RequestKind.DIRECT), act(name, ACTORS[who])) == "forbidden"


@pytest.mark.parametrize("name", ["merchant-writes", "decline", "review"])
@pytest.mark.parametrize("status", [Status.NEW, Status.OPENED, Status.DECLINED, Status.EXPIRED])
def test_a_matched_partner_that_has_not_replied_is_unknown_to_the_merchant(status: Status, name: str) -> None:
    assert after(a_job(status), act(name, BY_MERCHANT)) == "not_introduced"


@pytest.mark.parametrize("name", ["merchant-writes", "decline", "review"])
@pytest.mark.parametrize("status", [Status.REPLIED, Status.AWAITING_REPLY, Status.INACTIVE, Status.COMPLETED])
def test_after_the_introduction_a_matched_job_is_as_a_direct_one(status: Status, name: str) -> None:
    matched, direct = [after(a_job(status, kind=kind), act(name, BY_MERCHANT)) for kind in RequestKind]
    if isinstance(matched, Job):
        matched = matched.model_copy(update={"details": direct.details})
    assert matched == direct


def test_a_stranger_to_a_matched_job_learns_nothing_about_introductions() -> None:
    assert after(a_job(), act("merchant-writes", BY_OTHER_MERCHANT)) == "forbidden"
