"""`rules.md` as a program reads it: every cell with the way to its situation, the command, and what must come of it.

A way is a number of steps: a command, or the wait for a moment that only the job itself knows. Whoever walks it (the
rules alone in `test_job_table.py`, the loop over Kafka in `tests/live/test_rules.py`) decides what waiting is.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from services.jobs.access import ends_at
from shared.contracts.base import Actor, Message
from shared.contracts.jobs import (
    COMMANDS,
    AddComment,
    AnswerReview,
    AskAccess,
    AskReview,
    AssignMember,
    AssignMembers,
    CloseJob,
    CompleteJob,
    ConsentAccess,
    CreateJob,
    DeclineJob,
    DeclineReason,
    DenyAccess,
    EditReview,
    EndConversation,
    ExpireAccess,
    ExpireJob,
    GrantAccess,
    Job,
    MarkInactive,
    OpenJob,
    OpenReply,
    Permission,
    ReactivateJob,
    RefuseAccess,
    RemindJob,
    RequestAccess,
    ReviewJob,
    RevokeAccess,
    SendMessage,
    SettleAct,
    Status,
    TakeDownReview,
    UnassignMember,
    UndoAct,
)
from shared.contracts.requests import RequestKind, StoreProof
from shared.decisions import Rejection
from tests.builders import (
    AIKO,
    BY_MERCHANT,
    BY_OPERATOR,
    BY_OTHER_MERCHANT,
    BY_OTHER_PARTNER,
    BY_PARTNER,
    BY_SYSTEM,
    HOUR,
    KEN,
    LEA,
    a_creation,
    details,
)

FILE = Path(__file__).with_name("rules.md")


@dataclass(frozen=True)
class Times:
    """What a job is made with: how long it waits, when it is reminded, how long an act can be undone."""

    window_seconds: int
    remind_before_seconds: tuple[int, ...]
    undo_seconds: int


@dataclass(frozen=True)
class Until:
    """Wait until the moment that the job names."""

    moment: Callable[[Job], datetime]


Make = Callable[[Job, Times], Message]
"""A command, made when it is sent: it may name a moment of the job as it is then."""
Step = Make | Until

DEADLINE = Until(lambda job: job.deadline)
REMINDER = Until(lambda job: job.remind_at[0] if job.remind_at else job.deadline)
HOLDS = Until(lambda job: job.pending.due_at if job.pending else job.deadline)
GRANT_ENDS = Until(lambda job: ends_at(job) or job.deadline)
ASKED_AT = Until(lambda job: (job.access and job.access.asked_at) or job.created_at)
REQUESTED_AT = Until(lambda job: (job.access and job.access.requested_at) or job.created_at)
LONG_AFTER_THE_REVIEW = Until(lambda job: job.review.at + timedelta(days=14, milliseconds=1))

ACTORS = {
    "the partner": BY_PARTNER,
    "the merchant": BY_MERCHANT,
    "the system": BY_SYSTEM,
    "an operator": BY_OPERATOR,
    "another partner": BY_OTHER_PARTNER,
    "another merchant": BY_OTHER_MERCHANT,
}


def _plain(kind: type[Message], **fields: object) -> Callable[[Actor], Make]:
    return lambda by: lambda _job, _times: kind(**fields, actor=by)


def _undoable(kind: type[Message], **fields: object) -> Callable[[Actor], Make]:
    return lambda by: lambda _job, times: kind(**fields, undo_seconds=times.undo_seconds, actor=by)


def _timed(kind: type[Message], field: str, moment: Until, *, off: timedelta = timedelta()) -> Callable[[Actor], Make]:
    return lambda by: lambda job, _times: kind(**{field: moment.moment(job) + off}, actor=by)


def _overtaken(kind: type[Message], **fields: object) -> Callable[[Actor], Make]:
    return lambda by: lambda job, _times: kind(**fields, expected_version=job.version + 1_000, actor=by)


PERMISSIONS = (Permission.THEMES, Permission.PRODUCTS)
WANTED = {"permissions": PERMISSIONS, "days": 30}
DECLINE = {"reason": DeclineReason.TIMING, "note": "Next year."}

SENT: dict[str, Callable[[Actor], Make]] = {
    "OpenJob": _plain(OpenJob),
    "OpenReply": _plain(OpenReply),
    "SendMessage": _plain(SendMessage, text="Hello."),
    "DeclineJob": _plain(DeclineJob, **DECLINE),
    "DeclineJob (can be undone)": _undoable(DeclineJob, **DECLINE),
    "DeclineJob (as withdrawn)": _plain(DeclineJob, reason=DeclineReason.WITHDRAWN),
    "EndConversation": _plain(EndConversation),
    "MarkInactive": _plain(MarkInactive),
    "MarkInactive (can be undone)": _undoable(MarkInactive),
    "CompleteJob": _plain(CompleteJob),
    "CompleteJob (can be undone)": _undoable(CompleteJob),
    "ReactivateJob": _plain(ReactivateJob),
    "AddComment": _plain(AddComment, text="Shall we?"),
    "AssignMembers": _plain(AssignMembers, member_ids=(AIKO, KEN)),
    "AssignMembers (the same)": _plain(AssignMembers, member_ids=(AIKO,)),
    "AssignMembers (seen at another version)": _overtaken(AssignMembers, member_ids=(KEN,)),
    "AssignMembers (the same but seen at another version)": _overtaken(AssignMembers, member_ids=(AIKO,)),
    "AssignMember": _plain(AssignMember, member_id=KEN),
    "AssignMember (assigned already)": _plain(AssignMember, member_id=AIKO),
    "UnassignMember": _plain(UnassignMember, member_id=AIKO),
    "UnassignMember (not assigned)": _plain(UnassignMember, member_id=LEA),
    "ReviewJob": _plain(ReviewJob, rating=5, text="Lovely."),
    "ReviewJob (of its own team)": _plain(ReviewJob, rating=5, text="We are great.", of_own_team=True),
    "EditReview": _plain(EditReview, rating=4, text="Quite lovely."),
    "EditReview (seen at another version)": _overtaken(EditReview, rating=4, text="Quite lovely."),
    "AskReview": _plain(AskReview),
    "AnswerReview": _plain(AnswerReview, text="Thank you."),
    "TakeDownReview": _plain(TakeDownReview, reason="It names somebody."),
    "UndoAct": _plain(UndoAct),
    "UndoAct (when due)": _plain(UndoAct),
    "SettleAct": _timed(SettleAct, "due_at", HOLDS),
    "SettleAct (when due)": _timed(SettleAct, "due_at", HOLDS),
    "SettleAct (another moment)": _timed(SettleAct, "due_at", HOLDS, off=-HOUR),
    "CloseJob (withdrawn)": _plain(CloseJob, reason=DeclineReason.WITHDRAWN),
    "CloseJob (blocked)": _plain(CloseJob, reason=DeclineReason.BLOCKED),
    "CloseJob (stopped)": _plain(CloseJob, reason=DeclineReason.STOPPED),
    "CloseJob (suspended)": _plain(CloseJob, reason=DeclineReason.SUSPENDED),
    "AskAccess": _plain(AskAccess, **WANTED, note="To mend the theme.", proof=StoreProof.FILE),
    "AskAccess (of a store that nobody has shown to be theirs)": _plain(AskAccess, **WANTED),
    "AskAccess (for nothing)": _plain(AskAccess, proof=StoreProof.FILE),
    "ConsentAccess": _timed(ConsentAccess, "asked_at", ASKED_AT),
    "ConsentAccess (to an earlier ask)": _timed(ConsentAccess, "asked_at", ASKED_AT, off=-HOUR),
    "RefuseAccess": _plain(RefuseAccess),
    "RequestAccess": _plain(RequestAccess, permissions=PERMISSIONS, days=30),
    "RequestAccess (for less)": _plain(RequestAccess, permissions=PERMISSIONS[:1], days=3),
    "RequestAccess (for longer)": _plain(RequestAccess, permissions=PERMISSIONS, days=31),
    "RequestAccess (for more)": _plain(RequestAccess, permissions=(*PERMISSIONS, Permission.ORDERS), days=30),
    "GrantAccess": _timed(GrantAccess, "requested_at", REQUESTED_AT),
    "GrantAccess (of an earlier request)": _timed(GrantAccess, "requested_at", REQUESTED_AT, off=-HOUR),
    "DenyAccess": _timed(DenyAccess, "requested_at", REQUESTED_AT),
    "DenyAccess (of an earlier request)": _timed(DenyAccess, "requested_at", REQUESTED_AT, off=-HOUR),
    "RevokeAccess": _plain(RevokeAccess),
    "ExpireAccess": _timed(ExpireAccess, "expires_at", GRANT_ENDS),
    "ExpireAccess (when due)": _timed(ExpireAccess, "expires_at", GRANT_ENDS),
    "ExpireAccess (another grant)": _timed(ExpireAccess, "expires_at", GRANT_ENDS, off=-1000 * HOUR),
    "RemindJob": _timed(RemindJob, "due_at", REMINDER),
    "RemindJob (when due)": _timed(RemindJob, "due_at", REMINDER),
    "RemindJob (another moment)": _timed(RemindJob, "due_at", REMINDER, off=-HOUR),
    "ExpireJob": _timed(ExpireJob, "deadline", DEADLINE),
    "ExpireJob (when due)": _timed(ExpireJob, "deadline", DEADLINE),
    "ExpireJob (another deadline)": _timed(ExpireJob, "deadline", DEADLINE, off=-1000 * HOUR),
}
"""The first column of the tables. Each command stands here in its plain form; the others say what is special."""

WHEN_DUE = {
    "SettleAct": HOLDS,
    "UndoAct": HOLDS,
    "ExpireAccess": GRANT_ENDS,
    "RemindJob": REMINDER,
    "ExpireJob": DEADLINE,
}


def command_of(sent: str) -> str:
    return sent.partition(" (")[0]


NAMES = frozenset(kind.__name__ for kind in COMMANDS if kind is not CreateJob)
EVERY = (*SENT, *(NAMES - {command_of(sent) for sent in SENT}))
"""What `every command` stands for: a new command is among them before anybody has written it into a table."""


def _by(actor: Actor, *sent: str) -> tuple[Make, ...]:
    return tuple(SENT[one](actor) for one in sent)


def _partner(*sent: str) -> tuple[Make, ...]:
    return _by(BY_PARTNER, *sent)


def _merchant(*sent: str) -> tuple[Make, ...]:
    return _by(BY_MERCHANT, *sent)


def _system(*sent: str) -> tuple[Make, ...]:
    return _by(BY_SYSTEM, *sent)


REPLY, COMPLETED = _partner("SendMessage"), _partner("SendMessage", "CompleteJob")
EXPIRED = (DEADLINE, *_system("ExpireJob"))
ASKED = (*REPLY, *_partner("AskAccess"))
CONSENTED = (*ASKED, ASKED_AT, *_merchant("ConsentAccess"))
REQUESTED = (*CONSENTED, *_partner("RequestAccess"))
GRANTED = (*REQUESTED, REQUESTED_AT, *_system("GrantAccess"))
REVIEWED = (*COMPLETED, *_merchant("ReviewJob"))
BLOCKED, STOPPED = _system("CloseJob (blocked)"), _system("CloseJob (stopped)")
SUSPENDED = _system("CloseJob (suspended)")
ENDED = _merchant("EndConversation")

WAYS: dict[str, tuple[Step, ...]] = {
    "New": (),
    "Opened": _partner("OpenJob"),
    "Replied": REPLY,
    "Awaiting reply": (*REPLY, *_merchant("SendMessage")),
    "Inactive": (*REPLY, *_partner("MarkInactive")),
    "Completed": COMPLETED,
    "Declined": _partner("DeclineJob"),
    "Declined after a reply": (*REPLY, *_partner("DeclineJob")),
    "Expired": EXPIRED,
    "declining a New job": _partner("DeclineJob (can be undone)"),
    "declining a Replied job": (*REPLY, *_partner("DeclineJob (can be undone)")),
    "completing a Replied job": (*REPLY, *_partner("CompleteJob (can be undone)")),
    "putting a Replied job aside": (*REPLY, *_partner("MarkInactive (can be undone)")),
    "not asked": REPLY,
    "asked": ASKED,
    "consented": CONSENTED,
    "requested": REQUESTED,
    "granted": GRANTED,
    "denied": (*REQUESTED, REQUESTED_AT, *_system("DenyAccess")),
    "revoked": (*GRANTED, *_merchant("RevokeAccess")),
    "expired": (*GRANTED, GRANT_ENDS, *_system("ExpireAccess")),
    "not reviewed": COMPLETED,
    "asked for one": (*COMPLETED, *_partner("AskReview")),
    "reviewed": REVIEWED,
    "answered": (*REVIEWED, *_partner("AnswerReview")),
    "reviewed more than 14 days ago": (*REVIEWED, LONG_AFTER_THE_REVIEW),
    "reviewed, then reactivated": (*REVIEWED, *_partner("ReactivateJob")),
    "taken down": (*REVIEWED, *_by(BY_OPERATOR, "TakeDownReview")),
    "was New": BLOCKED,
    "was Replied": (*REPLY, *BLOCKED),
    "was Completed": (*COMPLETED, *BLOCKED),
    "was Expired": (*EXPIRED, *BLOCKED),
    "ended when New": ENDED,
    "ended when Replied": (*REPLY, *ENDED),
    "ended when Completed": (*COMPLETED, *ENDED),
    "stopped when New": STOPPED,
    "stopped when Replied": (*REPLY, *STOPPED),
    "stopped when Completed": (*COMPLETED, *STOPPED),
    "was New, then suspended": SUSPENDED,
    "was Replied, then suspended": (*REPLY, *SUSPENDED),
    "was Completed, then suspended": (*COMPLETED, *SUSPENDED),
    "was Expired, then suspended": (*EXPIRED, *SUSPENDED),
}
"""The columns of the tables: the shortest way there."""

OF_JOBS = tuple(kind for kind in RequestKind if not kind.is_prospects)

HEADINGS: dict[str, tuple[tuple[str, ...], tuple[RequestKind, ...]]] = {
    "The partner": (("the partner",), OF_JOBS),
    "The merchant of a direct request": (("the merchant",), (RequestKind.DIRECT,)),
    "The merchant of a matched request": (("the merchant",), (RequestKind.MATCH,)),
    "The system": (("the system",), OF_JOBS),
    "An operator": (("an operator",), OF_JOBS),
    "Another partner, another merchant": (("another partner", "another merchant"), OF_JOBS),
}
"""Whose table it is, and for which kinds of request. Elsewhere a row says who it is; the request is a direct one."""


@dataclass(frozen=True)
class Cell:
    """What must come of one command, by one actor, to a job in one situation."""

    table: str
    sent: str
    who: str
    where: str
    kind: RequestKind
    text: str
    facts: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.table}: {self.sent} by {self.who}, {self.kind}, {self.where}"

    @property
    def expected(self) -> tuple[str, tuple[str, ...]]:
        return self.text, self.facts

    @property
    def of_access(self) -> bool:
        """Whether its arrow is about the access to the store and not about the status."""
        return self.table.startswith("(c)")

    @property
    def steps(self) -> tuple[Step, ...]:
        """From the creation to the moment before the command."""
        wait = (WHEN_DUE[command_of(self.sent)],) if self.sent.endswith("(when due)") else ()
        assigned = _partner("AssignMembers (the same)") if self.where in _COLUMNS_OF_A or self.table[1] in "eg" else ()
        return (*assigned, *WAYS[self.where], *wait)

    @property
    def command(self) -> Make:
        return SENT[self.sent](ACTORS[self.who])

    def creation(self, request_id: UUID, times: Times) -> CreateJob:
        return a_creation(
            request_id,
            details=details(self.kind),
            reply_window_seconds=times.window_seconds,
            remind_before_seconds=times.remind_before_seconds,
        )


_COLUMNS_OF_A = tuple(WAYS)[:9]


def cells() -> list[Cell]:
    """All but those of CreateJob."""
    return [cell for table, rows in tables().items() if table != "CreateJob" for cell in _cells(table, rows)]


def creation_rows() -> list[dict[str, str]]:
    return tables()["CreateJob"]


def tables() -> dict[str, list[dict[str, str]]]:
    """The rows of each table by the heading that it stands under, without the one that explains the cells."""
    found: dict[str, list[dict[str, str]]] = {}
    heading, head = "", []
    for line in FILE.read_text().splitlines():
        if line.startswith("#"):
            heading, head = line.lstrip("# "), []
        elif line.startswith("|"):
            row = [cell.strip() for cell in line.strip("|").split("|")]
            if row[0] == "command":
                head = row
            elif head and not set(row[0]) <= set("-"):
                found.setdefault(heading, []).append(dict(zip(head, row, strict=True)))
    return found


def _cells(table: str, rows: Sequence[dict[str, str]]) -> Iterator[Cell]:
    for row in rows:
        fields = dict(row)
        named, says = fields.pop("command"), fields.pop("says")
        actors, kinds = HEADINGS.get(table) or ((fields.pop("by"),), (RequestKind.DIRECT,))
        for where, cell in fields.items():
            text, _, own = cell.partition(": ")
            happens = text == "stays" or text.startswith("→")
            facts = tuple((own or says).split(", ")) if happens else ()
            for sent in EVERY if named == "every command" else named.split(", "):
                yield from (Cell(table, sent, who, where, kind, text, facts) for who in actors for kind in kinds)


def name_of(status: Status) -> str:
    return status.replace("_", " ").capitalize()


def seen(
    before: Job | None, after: Job | None, facts: Sequence[str], refusal: str, *, of_access: bool = False
) -> tuple[str, tuple[str, ...]]:
    """What has come of a command, in the words of the file: the cell and the facts."""
    if refusal or not facts:
        return refusal or "nothing", ()
    was, now = [_state(job, of_access=of_access) for job in (before, after)]
    return ("stays" if was == now else f"→ {now}"), tuple(facts)


def _state(job: Job | None, *, of_access: bool) -> str:
    if job is None:
        return "no job yet"
    if of_access:
        return job.access.status.value if job.access else "not asked"
    return name_of(job.status)


def code_of(decision: Sequence[Message] | Rejection) -> str:
    return decision.code if isinstance(decision, Rejection) else ""
