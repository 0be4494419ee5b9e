"""Whatever is done to a job, by anybody, in any order, however often: a small model beside the real rules, and the
states that no way may lead to.
"""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import bson
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.gateway.api.views import merchant_view, partner_view
from services.jobs.access import ends_at
from services.jobs.job import decide, evolve, timer
from services.jobs.timers import _COMMANDS
from shared.contracts.base import Actor, ActorKind, Message
from shared.contracts.jobs import (
    ActDelayed,
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
    UnassignMember,
    UndoAct,
)
from shared.contracts.requests import RequestKind, StoreProof
from shared.contracts.seen import sees
from shared.decisions import Rejection
from shared.mongo import CODEC
from tests.builders import (
    AIKO,
    BY_MERCHANT,
    BY_OTHER_MERCHANT,
    BY_OTHER_PARTNER,
    BY_PARTNER,
    BY_SYSTEM,
    HOUR,
    JOB_ID,
    KEN,
    NOW,
    PARTNER_ID,
    REQUEST_ID,
    UNDO,
    WINDOW,
    details,
)
from tests.jobs.rules import OF_JOBS

RUNS, STEPS = int(os.environ.get("JOBWIRE_JOB_RUNS", "500")), 40
"""More: `JOBWIRE_JOB_RUNS=5000 pytest tests/jobs/test_job_machine.py`."""

anybody = st.sampled_from([BY_PARTNER, BY_MERCHANT, BY_SYSTEM, BY_OTHER_PARTNER, BY_OTHER_MERCHANT])
partner, merchant, system = st.just(BY_PARTNER), st.just(BY_MERCHANT), st.just(BY_SYSTEM)
undo_seconds = st.sampled_from([0, int(UNDO.total_seconds())])
CLOSED = ("declined", "expired")
LIVE = ("asked", "consented", "requested", "granted")
ONCE = (
    *("JobCreated", "JobOpened", "first reply", "ReplyOpened", "JobDeclined", "JobExpired", "JobBlocked"),
    "JobEnded",
    *("ConversationEnded", "JobReviewed", "ReviewAsked", "ReviewAnswered"),
)
"""What happens to a job at most once, whatever else does."""
CLOSING = [DeclineReason.WITHDRAWN, DeclineReason.BLOCKED, DeclineReason.SUSPENDED]
VIEWS = {ActorKind.PARTNER: partner_view, ActorKind.MERCHANT: lambda job: merchant_view(job, None)}
NEVER_BOTH = [{"first reply", "JobExpired"}, {"JobDeclined", "JobExpired"}]

BEGINNINGS = [
    *("new", "new", "being declined", "replied", "replied, being completed", "replied, access"),
    *("replied, completed", "replied, access, completed", "replied, completed, reviewed"),
]

GRANT = (("ask", BY_PARTNER), ("consent", BY_MERCHANT), ("request", BY_PARTNER), ("grant", BY_SYSTEM))
"""The one way to the merchant's store, and whose each step is."""


class Model:
    """What a person would keep on a sheet of paper: where the job is, whose turn it is, what was counted, what is
    still pending, and how far the access to the store has come.
    """

    def __init__(self, *, direct: bool) -> None:
        self.where = "waiting"  # waiting, talking, aside, done, declined, expired
        self.opened = self.replied = self.answer_seen = self.blocked = self.over = self.suspended = False
        self.turn = "new"
        self.known = direct
        self.messages = self.comments = 0
        self.pending = ""
        self.access = ""
        self.asked_for_review = self.review_answered = False
        self.reviewed_at: datetime | None = None

    @property
    def status(self) -> str:
        return {
            "waiting": "opened" if self.opened else "new",
            "talking": self.turn,
            "aside": "inactive",
            "done": "completed",
        }.get(self.where, self.where)

    @property
    def open(self) -> bool:
        """Whether it can still be declined."""
        return self.where not in (*CLOSED, "done")

    @property
    def talk(self) -> bool:
        """Whether the two may still say something to each other."""
        return self.where not in CLOSED and not self.over and not self.suspended

    def partner_writes(self) -> bool:
        if not self.talk or self.pending == "declined":
            return False
        self.turn, self.known, self.replied = "replied", True, True
        self.messages += 1
        self.where = "talking" if self.where == "waiting" else self.where
        return True

    def merchant_writes(self) -> bool:
        if not self.known or not self.talk:
            return False
        self.messages += 1
        self.answer_seen |= self.replied
        if self.where != "waiting":
            self.turn = "awaiting_reply"
            self.where = "talking" if self.where == "aside" else self.where
        return True

    def act(self, end: str, *, possible: bool, delayed: bool) -> bool:
        """The partner declines, completes or puts aside."""
        if not possible or self.pending:
            return False
        if delayed:
            self.pending = end
        else:
            self.end(end)
        return True

    def end(self, where: str) -> bool:
        self.where, self.pending = where, ""
        if where in (*CLOSED, "done"):
            self.lock()
        return True

    def lock(self) -> None:
        self.access = "revoked" if self.access in LIVE else self.access

    def step_of_access(self, *, from_: tuple[str, ...], to: str, possible: bool = True) -> bool:
        if self.access not in from_ or not possible:
            return False
        self.access = to
        return True


class JobMachine(RuleBasedStateMachine):
    @initialize(kind=st.sampled_from(OF_JOBS), begins=st.sampled_from(BEGINNINGS), patience=st.integers(0, 16))
    def create(self, kind: RequestKind, begins: str, patience: int) -> None:
        """Most beginnings are some way into the story, and most jobs are not closed at once: by chance alone hardly a
        run would come to a review or a grant.
        """
        self.job: Job | None = None
        self.at: datetime = NOW
        self.version = 0
        self.last: Message | None = None
        self.said: list[str] = []
        self.trail: list[str] = []
        self.model = Model(direct=kind is RequestKind.DIRECT)
        command = CreateJob(
            request_id=REQUEST_ID,
            partner_id=PARTNER_ID,
            details=details(kind),
            reply_window_seconds=int(WINDOW.total_seconds()),
            remind_before_seconds=(24 * 3600, 6 * 3600),
            actor=BY_SYSTEM,
        )
        assert self.send(command)
        assert not self.send(command), "A job is created once."
        self.patience = patience
        if "replied" in begins:
            self.write(by=BY_PARTNER)
        if "access" in begins:
            self.both_go_for_access(steps=4)
        if "completed" in begins:
            self.complete(by=BY_PARTNER, undo=8 if "being" in begins else 0)
        if "reviewed" in begins:
            self.review(by=BY_MERCHANT, own=False)
        if "declined" in begins:
            self.decline(by=BY_PARTNER, undo=8)

    def may_end(self) -> bool:
        return len(self.said) > self.patience

    def send(self, command: Message) -> bool | str:
        """Whether something happened; the code of a rejection."""
        decision = decide(self.job, command, JOB_ID, self.at)
        assert decide(self.job, command, JOB_ID, self.at) == decision, "The same question has the same answer."
        self.last = command
        if isinstance(decision, Rejection):
            return decision.code
        before = self.job
        for fact in decision:
            self.happens(fact)
        if before is not None and before.status in CLOSED:
            assert self.job.status == before.status, "A closed job moved."
        return bool(decision)

    def happens(self, fact: Message) -> None:
        before, name = self.job, "first reply" if getattr(fact, "first", False) else type(fact).__name__
        self.said.append(name)
        self.version += 1
        self.job = evolve(before, fact, JOB_ID, self.at).model_copy(update={"version": self.version})
        if name == "AccessChanged":
            self.trail.append(fact.access.status)
        if isinstance(fact, ActDelayed):
            as_it_was = {"pending": None, "version": before.version, "partner_version": before.partner_version}
            assert self.job.model_copy(update=as_it_was) == before, "What can be undone has changed something already."
        if before is not None:
            self.each_side_is_shown_what_it_may_see(before, fact)

    def each_side_is_shown_what_it_may_see(self, before: Job, fact: Message) -> None:
        for side, view in VIEWS.items():
            was, now = view(before), view(self.job)
            if sees(side, fact):
                assert now.version == was.version + 1
            else:
                assert now == was, f"{type(fact).__name__} is not for the {side} to see, and shows."

    def expect(self, command: Message, possible: object, happens: Callable[[], bool]) -> None:
        """Something happens exactly if it is theirs to do, and the model says so too."""
        done = self.send(command)
        assert (done is True) == bool(possible and happens()), f"{command!r}: {done}"

    @rule(
        span=st.sampled_from([timedelta(seconds=1), timedelta(seconds=5), UNDO, HOUR, 9 * HOUR, 30 * HOUR, 360 * HOUR])
    )
    def time_passes(self, span: timedelta) -> None:
        self.at += span

    @rule(by=st.one_of(partner, merchant, anybody))
    def write(self, by: Actor) -> None:
        writes = self.model.merchant_writes if by is BY_MERCHANT else self.model.partner_writes
        self.expect(SendMessage(text="Hello.", actor=by), by in (BY_PARTNER, BY_MERCHANT), writes)

    @precondition(may_end)
    @rule(by=anybody, undo=undo_seconds)
    def decline(self, by: Actor, undo: int) -> None:
        model = self.model
        command = DeclineJob(reason=DeclineReason.OTHER, undo_seconds=undo, actor=by)
        if by is BY_MERCHANT:
            self.expect(command, model.known and model.open, lambda: model.end("declined"))
        else:
            act = lambda: model.act("declined", possible=model.open, delayed=undo > 0)  # noqa: E731 - as the others
            self.expect(command, by is BY_PARTNER, act)

    @rule(by=st.one_of(partner, anybody), undo=undo_seconds)
    def mark_inactive(self, by: Actor, undo: int) -> None:
        model = self.model
        self.expect(
            MarkInactive(undo_seconds=undo, actor=by),
            by is BY_PARTNER,
            lambda: model.act("aside", possible=model.where == "talking", delayed=undo > 0),
        )

    @rule(by=st.one_of(partner, anybody), undo=undo_seconds)
    def complete(self, by: Actor, undo: int) -> None:
        model = self.model
        self.expect(
            CompleteJob(undo_seconds=undo, actor=by),
            by is BY_PARTNER,
            lambda: model.act("done", possible=model.where in ("talking", "aside"), delayed=undo > 0),
        )

    @rule(by=st.one_of(partner, anybody))
    def undo(self, by: Actor) -> None:
        was, self.model.pending = self.model.pending, "" if by is BY_PARTNER else self.model.pending
        self.expect(UndoAct(actor=by), by is BY_PARTNER, lambda: bool(was))

    @rule(by=st.one_of(system, anybody), shift=st.sampled_from([0, 0, 0, -1, 1]))
    def settle(self, by: Actor, shift: int) -> None:
        due_at = (self.job.pending.due_at if self.job.pending else self.at) + timedelta(seconds=shift)
        due = bool(self.model.pending) and shift == 0 and self.at >= due_at
        command = SettleAct(due_at=due_at, actor=by)
        self.expect(command, by is BY_SYSTEM and due, lambda: self.model.end(self.model.pending))

    @precondition(may_end)
    @rule(by=st.one_of(system, anybody), reason=st.sampled_from(CLOSING))
    def close(self, by: Actor, reason: DeclineReason) -> None:
        self.expect(CloseJob(reason=reason, actor=by), by is BY_SYSTEM, lambda: self._closes(reason))

    def _closes(self, reason: DeclineReason) -> bool:
        model, closes = self.model, self.model.open
        if reason is DeclineReason.BLOCKED and not model.blocked:
            self._ends()
            model.blocked = True
            return True
        if closes:
            model.end("declined")
        if reason is DeclineReason.SUSPENDED and not model.suspended:
            model.suspended = closes = True
            model.lock()
        return closes

    @precondition(may_end)
    @rule(by=st.one_of(merchant, anybody))
    def end_the_conversation(self, by: Actor) -> None:
        self.expect(EndConversation(actor=by), by is BY_MERCHANT and self.model.known, self._ends)

    def _ends(self) -> bool:
        model, ends = self.model, self.model.open or (self.model.where == "done" and not self.model.over)
        if model.open:
            model.end("declined")
        elif ends:
            model.over = True
            model.lock()
        return ends

    @rule(by=st.one_of(partner, anybody))
    def open(self, by: Actor) -> None:
        self.expect(OpenJob(actor=by), by is BY_PARTNER, lambda: self.model.status == "new")
        self.model.opened |= by is BY_PARTNER and self.model.where == "waiting"

    @rule(by=st.one_of(merchant, anybody))
    def open_the_reply(self, by: Actor) -> None:
        new = self.model.replied and not self.model.answer_seen
        self.expect(OpenReply(actor=by), by is BY_MERCHANT, lambda: new)
        self.model.answer_seen |= by is BY_MERCHANT and new

    @rule(by=st.one_of(partner, anybody))
    def reactivate(self, by: Actor) -> None:
        model = self.model
        possible = model.where in ("aside", "done") and not model.pending and model.talk
        self.expect(ReactivateJob(actor=by), by is BY_PARTNER and possible, lambda: model.end("talking"))

    @rule(by=st.sampled_from([BY_SYSTEM, BY_PARTNER]), shift=st.sampled_from([0, 0, 0, -1, 1]), wait=st.booleans())
    def expire(self, by: Actor, shift: int, *, wait: bool) -> None:
        if wait and self.may_end():
            self.at = max(self.at, NOW + WINDOW)
        late = self.at >= NOW + WINDOW and shift == 0 and self.model.where == "waiting"
        command = ExpireJob(deadline=NOW + WINDOW + shift * HOUR, actor=by)
        self.expect(command, by is BY_SYSTEM and late, lambda: self.model.end(self.model.pending or "expired"))

    @rule(before=st.sampled_from([24, 6, 1]))
    def remind(self, before: int) -> None:
        due = NOW + WINDOW - before * HOUR
        done = self.send(RemindJob(due_at=due, actor=BY_SYSTEM))
        assert done is not True or (self.at >= due and self.model.where == "waiting")
        assert done is not True or due not in self.job.remind_at, "It would be reminded of the same again."

    @precondition(lambda self: timer(self.job) is not None)
    @rule()
    def the_clock_tells_what_is_due(self) -> None:
        """The scanner's part, at the right moment: it is never refused, and never due again."""
        due = timer(self.job)
        self.at = max(self.at, due.due_at)
        match due.kind:
            case "settle":
                self.model.end(self.model.pending)
            case "expire":
                self.model.end(self.model.pending or "expired")
            case "end-access":
                self.model.access = "expired"
        assert self.send(_COMMANDS[due.kind](due.due_at)) is True, f"{due} was refused"
        assert timer(self.job) != due

    @rule(by=st.one_of(partner, anybody))
    def comment(self, by: Actor) -> None:
        self.model.comments += self.send(AddComment(text="Hm.", actor=by)) is True
        assert by is BY_PARTNER or self.model.comments == self.job.comments

    @rule(by=st.one_of(partner, anybody), members=st.sets(st.sampled_from([AIKO, KEN])))
    def assign(self, by: Actor, members: set) -> None:
        self.send(AssignMembers(member_ids=tuple(sorted(members)), actor=by))
        assert by is not BY_PARTNER or set(self.job.assignees) == members

    @rule(by=st.one_of(partner, anybody), member=st.sampled_from([AIKO, KEN]))
    def assign_one_more(self, by: Actor, member: UUID) -> None:
        before = set(self.job.assignees)
        self.expect(AssignMember(member_id=member, actor=by), by is BY_PARTNER, lambda: member not in before)
        assert set(self.job.assignees) == (before | {member} if by is BY_PARTNER else before)

    @rule(by=st.one_of(partner, system, anybody))
    def assign_one_less(self, by: Actor) -> None:
        before = set(self.job.assignees)
        may = by in (BY_SYSTEM, BY_PARTNER)
        self.expect(UnassignMember(member_id=KEN, actor=by), may, lambda: KEN in before)
        assert set(self.job.assignees) == (before - {KEN} if may else before)

    @precondition(lambda self: self.model.where == "done" or self.model.reviewed_at)
    @rule(by=st.one_of(merchant, anybody), own=st.sampled_from([False, False, True]))
    def review(self, by: Actor, *, own: bool) -> None:
        model = self.model
        possible = by is BY_MERCHANT and model.where == "done" and not model.reviewed_at and not own
        self.expect(ReviewJob(rating=4, text="Good.", of_own_team=own, actor=by), possible, lambda: True)
        model.reviewed_at = self.at if possible else model.reviewed_at

    @precondition(lambda self: self.model.where == "done" or self.model.reviewed_at)
    @rule(by=st.one_of(partner, anybody))
    def ask_for_a_review(self, by: Actor) -> None:
        model = self.model
        possible = by is BY_PARTNER and model.where == "done" and model.talk
        self.expect(AskReview(actor=by), possible, lambda: not (model.reviewed_at or model.asked_for_review))
        model.asked_for_review |= possible and not model.reviewed_at

    @precondition(lambda self: self.model.where == "done" or self.model.reviewed_at)
    @rule(by=st.one_of(merchant, anybody))
    def edit_the_review(self, by: Actor) -> None:
        at = self.model.reviewed_at
        in_time = at is not None and self.at - at <= timedelta(days=14)
        self.expect(EditReview(rating=2, text="Not so good.", actor=by), by is BY_MERCHANT, lambda: in_time)

    @precondition(lambda self: self.model.where == "done" or self.model.reviewed_at)
    @rule(by=st.one_of(partner, anybody))
    def answer_the_review(self, by: Actor) -> None:
        model = self.model
        possible = by is BY_PARTNER and bool(model.reviewed_at)
        self.expect(AnswerReview(text="Thank you.", actor=by), possible, lambda: not model.review_answered)
        model.review_answered |= possible

    @rule(by=st.one_of(partner, anybody))
    def ask_for_access(self, by: Actor) -> None:
        model = self.model
        command = AskAccess(permissions=(Permission.THEMES,), days=3, proof=StoreProof.META, actor=by)
        self.expect(command, by is BY_PARTNER, lambda: self._asks(model))

    def _asks(self, model: Model) -> bool:
        ended = ("", "denied", "revoked", "expired")
        possible = model.replied and model.talk and model.pending != "declined" and model.where != "done"
        return model.step_of_access(from_=ended, to="asked", possible=possible)

    @rule(by=st.one_of(merchant, anybody), yes=st.sampled_from([True, True, False]))
    def answer_about_access(self, by: Actor, *, yes: bool) -> None:
        model, may = self.model, by is BY_MERCHANT and self.model.known
        if yes:
            asked_at = (self.job.access and self.job.access.asked_at) or self.at
            step = lambda: model.step_of_access(from_=("asked",), to="consented")  # noqa: E731 - as the others
            talks = may and not model.over and not model.suspended
            self.expect(ConsentAccess(asked_at=asked_at, actor=by), talks, step)
        else:
            refused = lambda: model.step_of_access(from_=("asked", "consented"), to="denied")  # noqa: E731
            self.expect(RefuseAccess(actor=by), may, refused)

    @rule(by=st.one_of(partner, anybody))
    def request_access(self, by: Actor) -> None:
        self.expect(
            RequestAccess(permissions=(Permission.THEMES,), days=3, actor=by),
            by is BY_PARTNER,
            lambda: self.model.step_of_access(
                from_=("consented",), to="requested", possible=self.model.pending != "declined"
            ),
        )

    @rule(by=st.one_of(system, anybody), yes=st.sampled_from([True, True, False]))
    def the_platform_answers(self, by: Actor, *, yes: bool) -> None:
        self.expect(
            (GrantAccess if yes else DenyAccess)(requested_at=self.requested_at(), actor=by),
            by is BY_SYSTEM,
            lambda: self.model.step_of_access(from_=("requested",), to="granted" if yes else "denied"),
        )

    def requested_at(self) -> datetime:
        return (self.job.access and self.job.access.requested_at) or self.at

    @rule(by=anybody)
    def revoke_access(self, by: Actor) -> None:
        may = by is BY_PARTNER or (by is BY_MERCHANT and self.model.known)
        self.expect(RevokeAccess(actor=by), may, lambda: self.model.step_of_access(from_=LIVE, to="revoked"))

    @rule(by=st.one_of(system, anybody), shift=st.sampled_from([0, 0, -1]))
    def access_runs_out(self, by: Actor, shift: int) -> None:
        expires_at = ((self.job.access and ends_at(self.job)) or self.at) + shift * HOUR
        due = shift == 0 and self.at >= expires_at
        self.expect(
            ExpireAccess(expires_at=expires_at, actor=by),
            by is BY_SYSTEM,
            lambda: self.model.step_of_access(from_=("granted", "consented"), to="expired", possible=due),
        )

    @precondition(lambda self: self.model.replied and self.model.talk and self.model.access not in LIVE)
    @rule(steps=st.integers(2, 4))
    def both_go_for_access(self, steps: int) -> None:
        """The way that chance alone would hardly ever take."""
        ways = [self.ask_for_access, self.answer_about_access, self.request_access, self.the_platform_answers]
        for way, (_, by) in list(zip(ways, GRANT, strict=True))[:steps]:
            way(by=by, **({"yes": True} if "answer" in way.__name__ else {}))

    @rule()
    def the_last_command_comes_again_under_another_id(self) -> None:
        kind = getattr(self.last, "actor", BY_SYSTEM).kind
        words = SendMessage | AddComment | EditReview
        if not isinstance(self.last, words) and kind is not ActorKind.SYSTEM:
            assert self.send(self.last) is not True, "Only words can be repeated."

    @invariant()
    def the_job_is_as_the_model(self) -> None:
        seen, model = self.job, self.model
        assert (seen.status, seen.messages, seen.comments) == (model.status, model.messages, model.comments)
        assert seen.introduced == (seen.first_reply_at is not None) == model.replied
        assert (seen.reply_opened_at is not None) == model.answer_seen
        assert (seen.access.status if seen.access else "") == model.access
        assert bool(seen.pending) == bool(model.pending)
        shown = (seen.blocked, seen.conversation_over, seen.suspended)
        assert shown == (model.blocked, model.over, model.suspended)
        assert (seen.review.at if seen.review else None) == model.reviewed_at

    @invariant()
    def its_version_counts_its_events(self) -> None:
        assert self.job.version == self.version == len(self.said)

    @invariant()
    def nothing_happened_twice_that_happens_once(self) -> None:
        assert [name for name in ONCE if self.said.count(name) > 1] == []
        assert [both for both in NEVER_BOTH if both <= set(self.said)] == []

    @invariant()
    def what_is_closed_holds_nothing_open(self) -> None:
        over = self.job.status in CLOSED
        if over or self.job.conversation_over or self.job.suspended:
            assert self.job.pending is None, "Something is pending on a closed job."
            assert not self.job.access or self.job.access.status not in LIVE, "Somebody keeps a key."
            assert timer(self.job) is None
        ended = self.job.blocked or self.job.suspended
        assert over or self.job.status == "completed" or not ended, "Ended, and all the same open."
        assert (self.job.decline is not None) == (self.job.status == "declined") == ("JobDeclined" in self.said)

    @invariant()
    def nobody_has_access_without_the_merchants_consent_and_a_request(self) -> None:
        status = self.job.access.status.value if self.job.access else ""
        way = ["asked", "consented", "requested", "granted"]
        if status in way:
            so_far = way[: way.index(status) + 1]
            assert self.trail[-len(so_far) :] == so_far
        assert (status == "granted") <= bool(self.job.access and self.job.access.expires_at)

    @invariant()
    def a_review_comes_after_the_completion_and_its_answer_after_the_review(self) -> None:
        order = [self.said.index(name) if name in self.said else None for name in ("JobCompleted", "JobReviewed")]
        if order[1] is not None:
            assert order[0] is not None
            assert order[0] < order[1]
        assert "ReviewAnswered" not in self.said or self.said.index("ReviewAnswered") > order[1]

    @invariant()
    def an_unanswered_job_always_has_its_clock(self) -> None:
        assert (timer(self.job) is not None) >= (self.model.where == "waiting" or bool(self.model.pending))

    @invariant()
    def it_survives_json_and_bson(self) -> None:
        assert Job.model_validate_json(self.job.model_dump_json()) == self.job
        document: dict[str, Any] = self.job.model_dump(mode="json")  # as the store writes it
        assert Job.model_validate(bson.decode(bson.encode(document, codec_options=CODEC), CODEC)) == self.job


JobMachine.TestCase.settings = settings(
    max_examples=RUNS, stateful_step_count=STEPS, deadline=None, derandomize=True, database=None
)
TestAnythingCanHappenToAJob = pytest.mark.slow(JobMachine.TestCase)
