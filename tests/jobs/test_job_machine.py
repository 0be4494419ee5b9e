"""Whatever is done to a job, by anybody, in any order, however often: a small model beside the real rules."""

from datetime import datetime, timedelta
from typing import Any

import bson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.jobs.job import decide, evolve
from shared.contracts.base import Actor, ActorKind, Message
from shared.contracts.jobs import (
    AddComment,
    AssignMembers,
    CompleteJob,
    CreateJob,
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
)
from shared.contracts.requests import RequestKind
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
    WINDOW,
    details,
)

anybody = st.sampled_from([BY_PARTNER, BY_MERCHANT, BY_SYSTEM, BY_OTHER_PARTNER, BY_OTHER_MERCHANT])
partner = st.just(BY_PARTNER)
someone = st.one_of(partner, anybody)
CLOSED = ("declined", "expired")


class Model:
    """What a person would keep on a sheet of paper: where the job is, whose turn it is, what was counted."""

    def __init__(self, *, direct: bool) -> None:
        self.where = "waiting"  # waiting, talking, aside, done, declined, expired
        self.opened = False
        self.turn = "new"
        self.known = direct
        self.replied = self.reviewed = False
        self.messages = self.comments = 0

    @property
    def status(self) -> str:
        return {
            "waiting": "opened" if self.opened else "new",
            "talking": self.turn,
            "aside": "inactive",
            "done": "completed",
        }.get(self.where, self.where)

    def partner_writes(self) -> bool:
        if self.where in CLOSED:
            return False
        self.turn, self.known, self.replied = "replied", True, True
        self.messages += 1
        self.where = "talking" if self.where == "waiting" else self.where
        return True

    def merchant_writes(self) -> bool:
        if not self.known or self.where in CLOSED:
            return False
        self.messages += 1
        if self.where != "waiting":
            self.turn = "awaiting_reply"
            self.where = "talking" if self.where == "aside" else self.where
        return True

    def decline(self) -> bool:
        if self.where in (*CLOSED, "done"):
            return False
        self.where = "declined"
        return True


class JobMachine(RuleBasedStateMachine):
    @initialize(kind=st.sampled_from(RequestKind))
    def create(self, kind: RequestKind) -> None:
        self.job: Job | None = None
        self.at: datetime = NOW
        self.version = 0
        self.last: Message | None = None
        self.once: set[str] = set()
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

    def send(self, command: Message) -> bool | str:
        """Whether something happened; the code of a rejection."""
        decision = decide(self.job, command, JOB_ID, self.at)
        assert decide(self.job, command, JOB_ID, self.at) == decision, "The same question has the same answer."
        self.last = command
        if isinstance(decision, Rejection):
            return decision.code
        closed = self.job is not None and self.job.status in CLOSED
        before = self.job.status if self.job else None
        for fact in decision:
            name = "first reply" if getattr(fact, "first", False) else type(fact).__name__
            if name in ("first reply", "JobExpired", "JobDeclined", "JobReviewed", "JobCreated", "JobOpened"):
                assert name not in self.once, f"{name} happened twice."
                self.once.add(name)
            self.job = evolve(self.job, fact, JOB_ID, self.at)
            self.version += 1
            self.job = self.job.model_copy(update={"version": self.version})
        assert not closed or self.job.status == before, "A closed job moved."
        return bool(decision)

    @rule(hours=st.integers(1, 30))
    def time_passes(self, hours: int) -> None:
        self.at += timedelta(hours=hours)

    @rule(by=someone)
    def write(self, by: Actor) -> None:
        done = self.send(SendMessage(text="Hello.", actor=by))
        if by is BY_PARTNER:
            assert (done is True) == self.model.partner_writes()
        elif by is BY_MERCHANT:
            assert (done is True) == self.model.merchant_writes()
        else:
            assert done == "forbidden"

    @rule(by=anybody)
    def decline(self, by: Actor) -> None:
        done = self.send(DeclineJob(reason=DeclineReason.OTHER, actor=by))
        may = by is BY_PARTNER or (by is BY_MERCHANT and self.model.known)
        assert (done is True) == (may and self.model.decline())

    @rule(by=someone)
    def open(self, by: Actor) -> None:
        done = self.send(OpenJob(actor=by))
        assert (done is True) == (by is BY_PARTNER and self.model.status == "new")
        self.model.opened |= by is BY_PARTNER and self.model.where == "waiting"

    @rule(by=someone)
    def mark_inactive(self, by: Actor) -> None:
        done = self.send(MarkInactive(actor=by))
        assert (done is True) == (by is BY_PARTNER and self.model.where == "talking")
        self.model.where = "aside" if done is True else self.model.where

    @rule(by=someone)
    def complete(self, by: Actor) -> None:
        done = self.send(CompleteJob(actor=by))
        assert (done is True) == (by is BY_PARTNER and self.model.where in ("talking", "aside"))
        self.model.where = "done" if done is True else self.model.where

    @rule(by=someone)
    def reactivate(self, by: Actor) -> None:
        done = self.send(ReactivateJob(actor=by))
        assert (done is True) == (by is BY_PARTNER and self.model.where in ("aside", "done"))
        self.model.where = "talking" if done is True else self.model.where

    @rule(by=st.sampled_from([BY_SYSTEM, BY_PARTNER]), shift=st.sampled_from([0, 0, 0, -1, 1]))
    def expire(self, by: Actor, shift: int) -> None:
        deadline = NOW + WINDOW + shift * HOUR
        done = self.send(ExpireJob(deadline=deadline, actor=by))
        late = self.at >= NOW + WINDOW and shift == 0
        assert (done is True) == (by is BY_SYSTEM and late and self.model.where == "waiting")
        self.model.where = "expired" if done is True else self.model.where

    @rule(before=st.sampled_from([24, 6, 1]))
    def remind(self, before: int) -> None:
        due = NOW + WINDOW - before * HOUR
        done = self.send(RemindJob(due_at=due, actor=BY_SYSTEM))
        assert done is not True or (self.at >= due and self.model.where == "waiting")
        assert done is not True or due not in self.job.remind_at, "It would be reminded of the same again."

    @rule(by=someone)
    def comment(self, by: Actor) -> None:
        self.model.comments += self.send(AddComment(text="Hm.", actor=by)) is True
        assert by is BY_PARTNER or self.model.comments == self.job.comments

    @rule(by=someone, members=st.sets(st.sampled_from([AIKO, KEN])))
    def assign(self, by: Actor, members: set) -> None:
        self.send(AssignMembers(member_ids=tuple(members), actor=by))
        assert by is not BY_PARTNER or set(self.job.assignees) == members

    @rule(by=st.sampled_from([BY_MERCHANT, BY_PARTNER, BY_OTHER_MERCHANT]))
    def review(self, by: Actor) -> None:
        done = self.send(ReviewJob(rating=4, text="Good.", actor=by))
        assert (done is True) == (by is BY_MERCHANT and self.model.where == "done" and not self.model.reviewed)
        self.model.reviewed |= done is True

    @rule()
    def the_last_command_comes_again_under_another_id(self) -> None:
        kind = getattr(self.last, "actor", BY_SYSTEM).kind
        if not isinstance(self.last, SendMessage | AddComment) and kind is not ActorKind.SYSTEM:
            assert self.send(self.last) is not True or isinstance(self.last, OpenJob), "Only words can be repeated."

    @invariant()
    def the_job_is_as_the_model(self) -> None:
        seen = self.job
        assert (seen.status, seen.messages, seen.comments) == (
            self.model.status,
            self.model.messages,
            self.model.comments,
        )
        assert seen.introduced == (seen.first_reply_at is not None) == self.model.replied
        assert (seen.review is not None) == self.model.reviewed

    @invariant()
    def its_version_counts_its_events(self) -> None:
        assert self.job.version == self.version

    @invariant()
    def it_expired_only_if_nobody_had_replied(self) -> None:
        assert not {"first reply", "JobExpired"} <= self.once
        assert not {"JobDeclined", "JobExpired"} <= self.once

    @invariant()
    def it_survives_json_and_bson(self) -> None:
        assert Job.model_validate_json(self.job.model_dump_json()) == self.job
        document: dict[str, Any] = self.job.model_dump()
        assert Job.model_validate(bson.decode(bson.encode(document, codec_options=CODEC), CODEC)) == self.job


JobMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAnythingCanHappenToAJob = JobMachine.TestCase
