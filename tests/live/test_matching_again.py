"""A matching service that is killed in the middle and started again chooses what it would have chosen, to the byte: all
it goes by stands in the topics and in its database.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.jobs.job import evolve
from services.matching.offline import Matcher
from shared.contracts.base import ActorKind, Message, derived_id
from shared.contracts.jobs import Decline, DeclineReason, JobCreated, JobDeclined, JobExpired, job_id_of
from shared.contracts.matching import RequestMatched
from shared.contracts.partners import PartnerChanged
from shared.contracts.requests import RequestConfirmed, RequestStatus
from shared.settings import Settings
from shared.topics import JOB_EVENTS, MATCHES, MATCHING_COMMANDS, PARTNERS, REQUESTS, STANDINGS
from tests.builders import BY_PARTNER, a_partner, a_request, an_event, an_offer, details, replied
from tests.live.log import Log, log_of, put, until
from tests.live.process import HOST, ServiceProcess, plain_http
from tests.servers import environ_of

REQUESTED = 8
KILLED_AFTER = 4
ONE_WAVE = {"JOBWIRE_WAVES": "1"}
"""How long somebody has been silent differs between two runs; who is asked first does not."""
ENDS: tuple[Message, ...] = (
    replied(),
    JobDeclined(decline=Decline(by=ActorKind.PARTNER, reason=DeclineReason.OTHER), actor=BY_PARTNER),
    JobExpired(),
)


class Story:
    """The same partners, requests and answers, told to whoever matches. `today` is the day of the whole run."""

    def __init__(self, today: datetime) -> None:
        self.today = today
        self.partners = [
            a_partner(f"Firm {number}", services=(an_offer(price=str(200 * number)),)) for number in range(12)
        ]

    def openings(self) -> list[Any]:
        return [self._event(PartnerChanged(), partner, partner.partner_id) for partner in self.partners]

    def request(self, number: int) -> Any:
        request_id = derived_id("story", number)
        confirmed = a_request(
            RequestStatus.CONFIRMED, request_id=request_id, details=details(), submitted_at=self.today, version=2
        )
        return self._event(RequestConfirmed(), confirmed, request_id)

    def answers(self, matched: Any) -> list[Any]:
        """What each of the chosen does, by its number: some always reply, some never."""
        return [self._answer(matched, selection.partner_id) for selection in matched.fact.selections]

    def _answer(self, matched: Any, partner_id: Any) -> Any:
        number = next(n for n, partner in enumerate(self.partners) if partner.partner_id == partner_id)
        created = JobCreated(
            request_id=matched.subject,
            partner_id=partner_id,
            details=matched.fact.details,
            reply_window_seconds=72 * 3600,
            remind_before_seconds=(),
        )
        job_id, fact = job_id_of(matched.subject, partner_id), ENDS[number % 3]
        job = evolve(evolve(None, created, job_id, self.today), fact, job_id, self.today)
        job = job.model_copy(update={"version": 2, "deadline": self.today})
        return self._event(fact, job, job_id)

    def _event(self, fact: Message, snapshot: Any, subject: Any) -> Any:
        return an_event(fact, snapshot, subject=subject, at=self.today)


class Told:
    """A matching service that is told the story, one step after the other."""

    def __init__(self, log: Log, process: ServiceProcess) -> None:
        self._log = log
        self._process = process

    async def tells(self, topic: str, *events: Any) -> None:
        await self._log.put(topic, [put(event) for event in events])
        await until(self._quiet, 60, "matching has heard it all")

    async def matched(self, subject: Any) -> Any:
        await until(lambda: self._find(subject), 60, "the request is matched")
        return await self._find(subject)

    async def dies_and_comes_back(self) -> None:
        await self._process.stop(grace=0)
        await self._process.start_and_be_ready()

    async def _find(self, subject: Any) -> Any:
        for raw in await self._log.read(MATCHES.name):
            event = MATCHES.codec.decode(raw.value)
            if event.subject == subject and isinstance(event.fact, RequestMatched):
                return event
        return None

    async def _quiet(self) -> bool:
        groups = {
            "matching.requests": REQUESTS,
            "matching": MATCHING_COMMANDS,
            "matching.matches": MATCHES,
            "matching.answers": JOB_EVENTS,
            "matching.standings": JOB_EVENTS,
        }
        if not all([await self._log.done(group, topic.name) for group, topic in groups.items()]):
            return False
        return all(
            [
                await self._heard(group) >= sum((await self._log.ends(topic.name)).values())
                for group, topic in (("matching.partners", PARTNERS), ("matching.index", STANDINGS))
            ]
        )

    async def _heard(self, group: str) -> float:
        """How many records a group has handled since this process started: these groups read from the beginning."""
        async with plain_http() as client:
            text = (await client.get(f"http://{HOST}:{self._process.ops_port}/metrics")).text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "jobwire_records_total" and sample.labels["group"] == group
        )


@asynccontextmanager
async def matching(settings: Settings, folder: Path) -> AsyncIterator[Told]:
    environ = {**environ_of(settings), **ONE_WAVE}
    process = ServiceProcess("matching", environ, folder, module="tests.chaos.impatient_matching")
    async with log_of(settings) as log:
        await process.start_and_be_ready()
        try:
            yield Told(log, process)
        finally:
            await process.stop()


async def chosen_live(story: Story, told: Told, *, killed: bool) -> list[bytes]:
    chosen = []
    await told.tells(PARTNERS.name, *story.openings())
    for number in range(REQUESTED):
        if killed and number == KILLED_AFTER:
            await told.dies_and_comes_back()
        request = story.request(number)
        await told.tells(REQUESTS.name, request)
        matched = await told.matched(request.subject)
        chosen.append(matched.fact.model_dump_json().encode())
        await told.tells(JOB_EVENTS.name, *story.answers(matched))
    return chosen


async def chosen_offline(story: Story) -> list[bytes]:
    matcher, chosen = Matcher(Settings(waves=1)), []
    for event in story.openings():
        await matcher.take(event)
    for number in range(REQUESTED):
        (said,) = await matcher.take(story.request(number))
        matched = MATCHES.codec.decode(said.value)
        chosen.append(matched.fact.model_dump_json().encode())
        for answer in story.answers(matched):
            await matcher.take(answer)
    return chosen


@pytest.mark.live
async def test_killed_in_the_middle_it_chooses_the_same_and_so_does_matching_by_itself(
    topics: Settings, tmp_path: Path
) -> None:
    story = Story(datetime.now(UTC).replace(microsecond=0))
    async with matching(topics, tmp_path) as told:
        live = await chosen_live(story, told, killed=True)
    if datetime.now(UTC).date() != story.today.date():
        pytest.skip("The day changed during the run, and what fades has faded.")
    assert len(set(live)) > 1
    assert live == await chosen_offline(story)
