"""Races of a reply against the expiry of its job, in waves. How fast this machine answers sets the pace: as many races
as can be answered, and a window as wide as answers are slow, so that the deadline stays contested.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from random import Random
from statistics import median, quantiles
from time import monotonic
from uuid import UUID

from aiokafka.errors import KafkaTimeoutError

from services.jobs.timers import told
from shared.clock import SystemClock
from shared.commands import Answer, Applied, Commander, NotTaken, Rejected
from shared.commands import command as a_command
from shared.contracts.base import SYSTEM
from shared.contracts.jobs import CreateJob, ExpireJob, SendMessage, job_id_of
from shared.decisions import Timer
from shared.fetching import Broker
from shared.metrics import Metrics
from shared.mongo import Collection, Mongo
from shared.publisher import KafkaPublisher, outgoing
from shared.service import Service
from shared.settings import Settings
from shared.timers import command_id_of
from shared.topics import JOB_COMMANDS
from tests.builders import BY_PARTNER, PARTNER_ID, a_creation
from tests.live.log import Log, put
from tests.patience import patience, until

SPREAD = 5
"""Seconds over which the deadlines of a wave are spread."""
PORTIONS = 20
"""The jobs of a wave are made in so many portions over a second, and their deadlines lie as far apart."""
SOON = 0.2
"""A machine that answers nine in ten within so many seconds carries the pace, and may be given more."""
AROUND = 0.15
"""The person writes so many seconds before or after the deadline; more where answers take longer."""
FASTEST = 400.0
PEOPLE = 100
COMMANDS_A_RACE = 3.4
"""The job's creation, the reply, the scanner's expiry, and the others for two in five."""
NOW = SystemClock().now


@dataclass
class Race:
    """One job. `answer` is what the person was told, `late` how many seconds after the moment they meant to write at;
    None where Kafka did not take the reply in time: then nobody was told anything.
    """

    job_id: UUID
    deadline: datetime
    answer: Answer | None = None
    late: float = 0.0

    @property
    def told(self) -> bool:
        return isinstance(self.answer, Applied | Rejected)


@dataclass
class Pace:
    """How a wave is run."""

    per_second: float
    around: float = AROUND
    lead: int = 4
    """Seconds from a job's creation to the first deadline: by then all jobs of the wave are known."""

    @property
    def races(self) -> int:
        return max(round(self.per_second * SPREAD), PORTIONS)

    def learn(self, races: Sequence[Race], prepared_in: float) -> None:
        late = max(quantiles([race.late for race in races], n=10)[-1], 0.01)
        faster = min(max(SOON / late, 0.3), 2.0) if all(race.told for race in races) else 0.3
        self.per_second = min(self.per_second * faster, FASTEST)
        self.around = max(AROUND, 2 * median(race.late for race in races))
        self.lead = ceil(prepared_in * max(faster, 1.0)) + 1


class Course:
    """Where the races are run: the asking side of gateway, the log, and what the jobs service has stored."""

    def __init__(
        self, log: Log, documents: Collection, desk: Commander, publisher: KafkaPublisher, random: Random
    ) -> None:
        self.pace = Pace(0.0)
        self._log = log
        self._documents = documents
        self._desk = desk
        self._publisher = publisher
        self._random = random

    async def warm_up(self) -> list[Race]:
        """People whose job is made and who answer at once, all at the same time. What is answered in a second, with
        the second half of them, when the service is warm, is what this machine carries.
        """
        cold = await asyncio.gather(*(self._in_good_time() for _ in range(PEOPLE)))
        began = monotonic()
        warm = await asyncio.gather(*(self._in_good_time() for _ in range(PEOPLE)))
        commands_a_second = 2 * PEOPLE / (monotonic() - began)
        self.pace = Pace(min(commands_a_second / COMMANDS_A_RACE / 2, FASTEST))
        return [*cold, *warm]

    async def _in_good_time(self) -> Race:
        creation = self._creation(3600)
        race = Race(job_id_of(creation.request_id, PARTNER_ID), NOW() + timedelta(hours=1))
        await self._desk.ask(JOB_COMMANDS, creation, race.job_id)
        await self._asks(race)
        return race

    async def wave(self) -> list[Race]:
        """All of it, from the creation of the jobs until every one has ended."""
        began = monotonic()
        races = await self._jobs()
        prepared_in = monotonic() - began
        async with asyncio.TaskGroup() as everybody:
            for race in races:
                everybody.create_task(self._reply(race, Random(self._random.random())))
                everybody.create_task(self._tell_the_time_too(race, Random(self._random.random())))
        await until(self._all_ended, 60, "every job has ended")
        self.pace.learn(races, prepared_in)
        return races

    async def _jobs(self) -> list[Race]:
        earliest = self.pace.lead
        windows = [self._random.randint(earliest, earliest + SPREAD - 1) for _ in range(self.pace.races)]
        creations = map(self._creation, windows)
        ids = {job_id_of(creation.request_id, PARTNER_ID): creation for creation in creations}
        records = [put(a_command(data, job_id, source="tests", time=NOW())) for job_id, data in ids.items()]
        for portion in range(PORTIONS):
            next_one = asyncio.create_task(asyncio.sleep(1 / PORTIONS))
            await self._log.put(JOB_COMMANDS.name, records[portion::PORTIONS])
            await next_one
        await until(lambda: self._log.done("jobs", JOB_COMMANDS.name), 60, "the jobs are there")
        found = self._documents.find({"_id": {"$in": list(ids)}}, {"state.deadline": 1})
        return [Race(one["_id"], datetime.fromisoformat(one["state"]["deadline"])) async for one in found]

    def _creation(self, window: int) -> CreateJob:
        return a_creation(UUID(int=self._random.getrandbits(128), version=4), reply_window_seconds=window)

    async def _reply(self, race: Race, random: Random) -> None:
        offset = random.uniform(-self.pace.around, self.pace.around)
        await _moment(race, offset)
        await self._asks(race)
        race.late = (NOW() - race.deadline).total_seconds() - offset

    async def _asks(self, race: Race) -> None:
        with suppress(NotTaken):
            message = SendMessage(text="Just in time?", actor=BY_PARTNER)
            race.answer = await self._desk.ask(JOB_COMMANDS, message, race.job_id)

    async def _tell_the_time_too(self, race: Race, random: Random) -> None:
        """The scanner does it for every job; here it is done again for some."""
        which = random.random()
        if which < 0.2:  # as a second scanner, or the first one after a crash: the same id
            await _moment(race, random.uniform(0.002, 0.06))
            expiry, again = Timer("expire", race.deadline), race.deadline
            data, command_id = told(expiry), command_id_of(race.job_id, expiry, again)
            record = a_command(data, race.job_id, source="jobs", time=again, command_id=command_id)
        elif which < 0.4:  # under an id of its own, and perhaps too early
            await _moment(race, random.uniform(-0.03, 0.03))
            expired = ExpireJob(deadline=race.deadline, actor=SYSTEM)
            record = a_command(expired, race.job_id, source="tests", time=NOW())
        else:
            return
        with suppress(KafkaTimeoutError):  # it may arrive all the same
            await self._publisher.publish([outgoing(JOB_COMMANDS.name, record)])

    async def _all_ended(self) -> bool:
        return await self._documents.find_one({"state.status": "new"}, {"_id": 1}) is None


async def _moment(race: Race, offset: float) -> None:
    """The spread of the races is what this waits for, and no condition."""
    await asyncio.sleep((race.deadline - NOW()).total_seconds() + offset)


@asynccontextmanager
async def course(settings: Settings, mongo: Mongo, log: Log, random: Random) -> AsyncIterator[Course]:
    """With the asking side of gateway, as `shared.process` would run it."""
    publisher = KafkaPublisher(settings, "desk")
    patient = settings.model_copy(update={"reply_timeout_seconds": patience(30)})
    service = Service("gateway", patient, publisher=publisher, database=mongo.database("none"), metrics=Metrics("desk"))
    commander, broker = service.asks(), Broker("gateway", settings, service.metrics)
    for hearing in service.hearings:
        broker.subscribe(hearing.consumer, everyone=hearing.everyone, from_start=hearing.from_start)
    await publisher.start()
    await broker.start()
    try:
        yield Course(log, mongo.database(settings.database("jobs"))["jobs"], commander, publisher, random)
    finally:
        await broker.stop()
        await publisher.stop()
