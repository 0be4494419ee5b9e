"""The commands of one run: for every job its creation, then whatever both sides may think of."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from uuid import UUID

from shared.commands import command
from shared.contracts.base import SYSTEM, Actor, ActorKind, Locale, Message
from shared.contracts.jobs import (
    AddComment,
    AssignMembers,
    CompleteJob,
    CreateJob,
    DeclineJob,
    DeclineReason,
    MarkInactive,
    OpenJob,
    ReactivateJob,
    ReviewJob,
    SendMessage,
    job_id_of,
)
from shared.contracts.requests import Merchant, RequestDetails, RequestKind
from shared.publisher import Outgoing, outgoing
from shared.topics import JOB_COMMANDS

WINDOW_SECONDS = 72 * 3600
REPEATED = 0.02
BUSY = 0.12
"""The first job gets this share of all commands: more than it remembers."""
REPEATED_WITHIN = 2_000
"""A repeated command comes at most this many commands later: in the same batch, in the next, or long after."""

LOREM = "Could we make the product page calmer, and keep the reviews where they are? 商品ページの件です。"


@dataclass(frozen=True)
class Parties:
    """One job and those who may act on it."""

    job_id: UUID
    request_id: UUID
    partner: Actor
    merchant: Actor
    kind: RequestKind


@dataclass(frozen=True)
class Sending:
    command_id: UUID
    record: Outgoing
    repeated: bool


def story(random: Random, commands: int, jobs: int) -> Iterator[Sending]:
    """`commands` different commands on `jobs` jobs, two in a hundred of them a second time: same id, same bytes.

    A job is created before anything else is said to it; jobs begin throughout the first half of the run.
    """
    later: dict[int, list[Sending]] = {}
    open_jobs: list[Parties] = []
    for number in range(commands):
        if len(open_jobs) < jobs and (not open_jobs or random.random() < 2 * jobs / commands):
            parties = _parties(random)
            open_jobs.append(parties)
            data = _create(parties)
        elif random.random() < BUSY:
            parties = open_jobs[0]
            data = _anything(random, parties, _WAYS[:-1])
        else:
            parties = random.choice(open_jobs)
            data = _anything(random, parties, _WAYS)
        sending = _sending(random, parties.job_id, data)
        yield sending
        if random.random() < REPEATED:
            again = Sending(sending.command_id, sending.record, repeated=True)
            later.setdefault(number + random.randrange(1, REPEATED_WITHIN), []).append(again)
        yield from later.pop(number, ())
    for repeats in later.values():
        yield from repeats


def _sending(random: Random, job_id: UUID, data: Message) -> Sending:
    record = command(data, job_id, source="chaos", time=datetime.now(UTC), command_id=_uuid(random))
    return Sending(record.id, outgoing(JOB_COMMANDS.name, record), repeated=False)


def _parties(random: Random) -> Parties:
    request_id, partner_id, merchant_id = _uuid(random), _uuid(random), _uuid(random)
    return Parties(
        job_id=job_id_of(request_id, partner_id),
        request_id=request_id,
        partner=Actor(kind=ActorKind.PARTNER, partner_id=partner_id, member_id=_uuid(random), name="Ana"),
        merchant=Actor(kind=ActorKind.MERCHANT, merchant_id=merchant_id, name="Mia"),
        kind=random.choice(list(RequestKind)),
    )


def _create(parties: Parties) -> Message:
    assert parties.merchant.merchant_id is not None
    assert parties.partner.partner_id is not None
    merchant = Merchant(
        merchant_id=parties.merchant.merchant_id,
        name="Mia Laurent",
        email="mia@kettle-thread.example",
        store_url="https://kettle-thread.example",
    )
    return CreateJob(
        request_id=parties.request_id,
        partner_id=parties.partner.partner_id,
        details=RequestDetails(
            kind=parties.kind,
            locale=Locale.EN,
            merchant=merchant,
            business="Tea and thread, 40 orders a day.",
            service="theme-customisation",
            title="A calmer product page",
            requirements=LOREM,
        ),
        reply_window_seconds=WINDOW_SECONDS,
        remind_before_seconds=(24 * 3600, 6 * 3600),
        actor=SYSTEM,
    )


def _anything(random: Random, parties: Parties, weighted: "Ways") -> Message:
    """Weighted so that about a quarter is refused because of where the job stands by then."""
    ways, weights = zip(*weighted, strict=True)
    chosen: Callable[[Random, Parties], Message] = random.choices(ways, weights)[0]
    return chosen(random, parties)


Ways = list[tuple[Callable[[Random, Parties], Message], float]]
_WAYS: Ways = [
    (lambda random, p: SendMessage(text=f"{LOREM} {random.random()}", actor=p.partner), 22),
    (lambda random, p: SendMessage(text=f"{random.random()} {LOREM}", actor=p.merchant), 20),
    (lambda random, p: AddComment(text=f"Worth it? {random.random()}", actor=p.partner), 8),
    (lambda random, p: AssignMembers(member_ids=_some(random, p), actor=p.partner), 8),
    (lambda random, p: OpenJob(actor=p.partner), 8),
    (lambda random, p: MarkInactive(actor=p.partner), 9),
    (lambda random, p: CompleteJob(actor=p.partner), 9),
    (lambda random, p: ReactivateJob(actor=p.partner), 8),
    (lambda random, p: ReviewJob(rating=random.randint(1, 5), text="Lovely work.", actor=p.merchant), 8),
    (lambda random, p: DeclineJob(reason=DeclineReason.TIMING, actor=random.choice([p.partner, p.merchant])), 1.5),
]


def _some(random: Random, parties: Parties) -> tuple[UUID, ...]:
    assert parties.partner.member_id is not None
    return tuple({parties.partner.member_id, _uuid(random)} if random.random() < 0.5 else ())


def _uuid(random: Random) -> UUID:
    """From the seed, so that a run can be told again."""
    return UUID(int=random.getrandbits(128), version=4)
