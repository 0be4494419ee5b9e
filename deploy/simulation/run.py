"""One policy in one market: what happens, in the order of time."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count

from deploy.simulation.loads import Loads
from deploy.simulation.luck import luck
from deploy.simulation.market import Firm, Wish
from deploy.simulation.merchants import Reply, Verdict, rating, verdict
from deploy.simulation.records import JobLog, Said, by_merchant, by_partner, declined, joined, submitted, withdrawn
from deploy.simulation.truth import DAY, WINDOW, Truth
from deploy.simulation.turns import Turns
from services.matching.offline import Matcher
from shared.contracts.jobs import DeclineReason, JobCompleted, JobExpired, JobFact, JobReplied, JobReviewed
from shared.contracts.matching import MatchClosed, RequestMatched, Selection
from shared.publisher import Outgoing
from shared.topics import MATCHES

REVIEWED_AFTER = 2 * DAY
Happens = Callable[[datetime], Awaitable[None]]


@dataclass(slots=True)
class Sent:
    """One job: to whom, what was predicted, how likely a reply really was, and what came of it. `end` is `replied`,
    `expired` or the reason of a decline; None while it is open and for what the merchant took back.
    """

    number: int
    wish: Wish
    at: datetime
    chance: float | None
    truly: float
    log: JobLog
    end: str | None = None
    open: bool = True


@dataclass(slots=True)
class Story:
    """What became of one request."""

    wish: Wish
    sent: list[Sent] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    verdict: Verdict = field(default_factory=Verdict)


class Run:
    """A market that a matcher serves. `stories` and `turns` are what is left of it when it has been played."""

    def __init__(self, truth: Truth, matcher: Matcher, loads: Loads) -> None:
        self._truth = truth
        self._matcher = matcher
        self._loads = loads
        self._plans: list[tuple[datetime, int, Happens]] = []
        self._order = count()
        self.stories = {wish.request_id: Story(wish) for wish in truth.market.wishes}
        self.turns = Turns(truth, matcher.index)

    async def play(self) -> None:
        market = self._truth.market
        for firm in market.firms:
            self._plan(firm.joins, partial(self._joins, firm))
        for wish in market.wishes:
            self._plan(wish.at, partial(self._asks, wish))
        self._plan(market.half_time, self._look_at_turns)
        self._plan(market.ends, self._look_at_turns)
        while self._plans:
            at, _, happens = heappop(self._plans)
            await happens(at)

    def _plan(self, at: datetime, happens: Happens) -> None:
        heappush(self._plans, (at, next(self._order), happens))

    async def _take(self, record: Said) -> None:
        await self._hear(await self._matcher.take(record))

    async def _hear(self, said: Sequence[Outgoing]) -> None:
        for one in said:
            event = MATCHES.codec.decode(one.value)
            story = self.stories[event.subject]
            if isinstance(event.fact, RequestMatched):
                # The clock must strike when a wave is due, not at whatever happens next.
                for check in event.snapshot.checks:
                    self._plan(check, self._strikes)
                for selection in event.fact.selections:
                    await self._send(story, selection, event.time)
            elif isinstance(event.fact, MatchClosed):
                for sent in story.sent:
                    await self._take_back(sent, event.time)

    async def _strikes(self, at: datetime) -> None:
        await self._hear(await self._matcher.until(at))

    async def _joins(self, firm: Firm, _: datetime) -> None:
        await self._take(joined(firm))

    async def _asks(self, wish: Wish, at: datetime) -> None:
        if wish.withdrawn_at is not None:
            self._plan(wish.withdrawn_at, partial(self._withdraws, wish))
        self._plan(at + WINDOW, partial(self._chooses, self.stories[wish.request_id]))
        await self._take(submitted(wish))

    async def _withdraws(self, wish: Wish, at: datetime) -> None:
        await self._take(withdrawn(wish, at))

    async def _send(self, story: Story, selection: Selection, at: datetime) -> None:
        number, wish = self._truth.numbers[selection.partner_id], story.wish
        load = self._loads.of(number, at)
        truly, log = self._truth.chance(number, wish, at, load), JobLog(wish, selection.partner_id, at)
        sent = Sent(number, wish, at, selection.chance, truly, log)
        outcome = self._truth.outcome(number, wish, at, load)
        self.turns.offered(number, wish.details.service, at)
        self._loads.receives(number, at)
        story.sent.append(sent)
        self._plan(at + outcome.after, partial(self._ends, story, sent, outcome.end))

    async def _ends(self, story: Story, sent: Sent, end: str, at: datetime) -> None:
        if not sent.open:
            return
        sent.open, sent.end = False, end
        await self._take(sent.log.says(self._fact(sent, end), at))
        self.turns.look(sent.number, sent.wish.details.service, at)
        if end == "replied":
            story.replies.append(Reply(sent.number, at - story.wish.at))

    def _fact(self, sent: Sent, end: str) -> JobFact:
        partner = by_partner(self._truth.market.firms[sent.number].partner_id)
        if end == "replied":
            return JobReplied(text="Good day.", first=True, actor=partner)
        return JobExpired() if end == "expired" else declined(partner, end)

    async def _take_back(self, sent: Sent, at: datetime) -> None:
        if sent.open:
            sent.open = False
            await self._take(sent.log.says(declined(by_merchant(sent.wish), DeclineReason.WITHDRAWN), at))

    async def _chooses(self, story: Story, at: datetime) -> None:
        if story.wish.withdrawn_at is not None:
            return
        story.verdict = verdict(self._truth, story.wish, [one for one in story.replies if one.after <= WINDOW])
        if story.verdict.hired:
            hired = next(sent for sent in story.sent if sent.number == story.verdict.best)
            self._loads.starts_work(hired.number)
            takes = timedelta(days=self._truth.lead_days(hired.number, hired.wish.details.service))
            self._plan(at + takes, partial(self._completes, hired))

    async def _completes(self, hired: Sent, at: datetime) -> None:
        self._loads.ends_work(hired.number)
        await self._take(hired.log.says(JobCompleted(actor=by_merchant(hired.wish)), at))
        if luck(self._truth.seed, hired.wish.number, "reviews") < self._truth.nature.reviews:
            self._plan(at + REVIEWED_AFTER, partial(self._reviews, hired))

    async def _reviews(self, hired: Sent, at: datetime) -> None:
        stars = rating(self._truth, hired.number, hired.wish)
        await self._take(hired.log.says(JobReviewed(rating=stars, text="-", actor=by_merchant(hired.wish)), at))

    async def _look_at_turns(self, at: datetime) -> None:
        self.turns.look_at_all(at)
