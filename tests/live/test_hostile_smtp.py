"""A mail server at its worst: no mail is lost, none is sent twice without a person's word, Kafka notices nothing."""

import os
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import uuid4

from services.notifications.outbox import Outbox
from shared.commands import command
from shared.contracts.partners import SignInRequested
from shared.mongo import Database, Mongo
from shared.settings import Settings
from shared.topics import MAILS, SIGN_INS
from tests.live.log import Log, log_of, put, until
from tests.live.process import ServiceProcess
from tests.live.smtp import Manner, Server, address, counted
from tests.servers import environ_of

MAILS_OF_EACH = {
    Manner.KIND: 150,
    Manner.SLOW: 30,
    Manner.BUSY_AT_RCPT: 60,
    Manner.BUSY_AFTER_DATA: 40,
    Manner.HANGS_UP_AT_RCPT: 20,
    Manner.BEFORE_THE_DOT: 20,
    Manner.AFTER_THE_DOT: 20,
    Manner.NOBODY: 30,
    Manner.REFUSED: 30,
}
BECOMES = {
    Manner.NOBODY: ("failed", 0),
    Manner.REFUSED: ("failed", 0),
    # From here both look the same, so both are for a person to judge.
    Manner.BEFORE_THE_DOT: ("uncertain", 0),
    Manner.AFTER_THE_DOT: ("uncertain", 1),
}
"""How a mail ends and how often it arrives. Every other is sent, once."""

KILLS = int(os.environ.get("JOBWIRE_CHAOS_MAIL_KILLS", "4"))
KILLED_MAILS = int(os.environ.get("JOBWIRE_CHAOS_MAILS", "300"))
"""The whole test: `JOBWIRE_CHAOS_MAIL_KILLS=20 JOBWIRE_CHAOS_MAILS=2000 pytest tests/live/test_hostile_smtp.py`."""

WAITING = {"state": {"$in": ["queued", "claimed", "sending"]}}


async def test_no_mail_is_lost_and_none_sent_twice_whatever_the_server_does(topics: Settings, tmp_path: Path) -> None:
    server, mongo = Server(), Mongo.connect(topics.mongodb_uri.get_secret_value())
    service = ServiceProcess("notifications", environ_of(topics, SMTP_URL=server.url), tmp_path)
    database = mongo.database(topics.database("notifications"))
    addresses = [address(manner, number) for manner, count in MAILS_OF_EACH.items() for number in range(count)]
    Random(5).shuffle(addresses)
    half = len(addresses) // 2
    try:
        async with log_of(topics) as log:
            await service.start_and_be_ready()
            # Nobody listens yet: every connection is refused.
            await ask_for_mails(log, addresses[:half])
            await until(lambda: heard_all(log), 30, "the consumers are not behind")
            refused_while = await database["mails"].count_documents(WAITING)
            await until(lambda: is_paused(database), 30, "connections are refused")
            assert await database["mails"].count_documents({"attempts": {"$gte": 1}}) == 0
            async with server.listening():
                await until(lambda: some_are_taken(server), 30, "the server takes some")
                await ask_for_mails(log, addresses[half:])
                await until(lambda: heard_all(log), 30, "the consumers are not behind while the server is slow")
                unsent = await database["mails"].count_documents(WAITING)
                server.hurries.set()
                await until(lambda: nothing_waits(database), 180, "every mail has come to an end")
            await until(lambda: told_all(log, len(addresses)), 30, "every end is told")
            states = await states_of(database)
            told = Counter(MAILS.codec.decode(record.value).type for record in await log.read(MAILS.name))
            print(f"\n{len(addresses)} mails: {counted(states)}; told: {dict(told)}")  # noqa: T201 - the report
            print(f"connections tried: {server.tried.total()}, taken: {server.taken.total()}")  # noqa: T201
            print(f"lag 0 while {refused_while} and then {unsent} mails waited for the server")  # noqa: T201
            assert refused_while > half * 0.9
            assert unsent > 50, "Kafka's consumers had to keep up while mails waited."
            assert await log.dead_letters("notifications") == []
        became = {one: (states[one], server.taken[one]) for one in addresses}
        assert became == {one: BECOMES.get(Manner(one.partition(".")[0]), ("sent", 1)) for one in addresses}
        suppressed = {document["_id"] async for document in database["suppressed"].find({})}
        assert suppressed == {address(Manner.NOBODY, number) for number in range(MAILS_OF_EACH[Manner.NOBODY])}
    finally:
        await service.stop()
        await mongo.close()


async def test_a_sender_that_is_killed_sends_nothing_twice_but_what_a_person_sends_again(
    topics: Settings, tmp_path: Path
) -> None:
    """Whoever dies with a mail on the wire leaves it uncertain; everything else arrives exactly once."""
    server, mongo = Server(), Mongo.connect(topics.mongodb_uri.get_secret_value())
    environ = environ_of(topics, SMTP_URL=server.url)
    service = ServiceProcess("notifications", environ, tmp_path, module="tests.chaos.impatient_notifications")
    database = mongo.database(topics.database("notifications"))
    addresses = [address(Manner.KIND, number) for number in range(KILLED_MAILS)]
    on_the_wire: set[str] = set()
    try:
        async with log_of(topics) as log, server.listening():
            await ask_for_mails(log, addresses)
            for kill in range(KILLS):
                await service.start()
                wanted = (kill + 1) * KILLED_MAILS // (KILLS + 1)
                await until(lambda wanted=wanted: has_taken(server, wanted), 120, f"{wanted} mails are taken")
                if kill % 2:
                    await server.on_the_wire.wait()
                await service.process.kill()
                on_the_wire |= await time_passes(database)
            await service.start_and_be_ready()
            await until(lambda: all_wanted(database, len(addresses)), 60, "every mail is wanted")
            await until(lambda: nothing_waits(database), 180, "every mail has come to an end")

            states, once = await states_of(database), Counter(server.taken)
            uncertain = {one for one, state in states.items() if state == "uncertain"}
            print(f"\n{KILLS} kills, {len(addresses)} mails: {counted(states)}; taken: {once.total()}")  # noqa: T201
            assert uncertain == on_the_wire
            assert {one for one in addresses if one not in uncertain and once[one] != 1} == set()
            assert max(once.values()) == 1

            ids = [document["_id"] for document in await Outbox(database).uncertain()]
            assert await Outbox(database).again(ids, datetime.now(UTC)) == len(uncertain)
            await until(lambda: nothing_waits(database), 60, "what was uncertain has been sent again")
            twice = {one for one in addresses if server.taken[one] > 1}
            print(f"sent again by a person's word: {len(ids)}, of which had arrived before: {len(twice)}")  # noqa: T201
            assert min(server.taken[one] for one in addresses) == 1
            assert twice <= on_the_wire
            assert set((await states_of(database)).values()) == {"sent"}
    finally:
        await service.stop()
        await mongo.close()


async def ask_for_mails(log: Log, addresses: Sequence[str]) -> None:
    """One link to sign in for each address."""
    records = [
        command(SignInRequested(email=one, name="", locale="en"), uuid4(), source="tests", time=datetime.now(UTC))
        for one in addresses
    ]
    await log.put(SIGN_INS.name, [put(record) for record in records])


async def heard_all(log: Log) -> bool:
    return await log.done("notifications.sign-ins", SIGN_INS.name)


async def is_paused(database: Database) -> bool:
    """Whether all wait for one that tries, and it has tried some times."""
    return await database["relay"].count_documents({"failures": {"$gte": 3}}) > 0


async def some_are_taken(server: Server) -> bool:
    return server.taken.total() > 0


async def has_taken(server: Server, wanted: int) -> bool:
    return server.taken.total() >= wanted


async def all_wanted(database: Database, count: int) -> bool:
    return await database["mails"].count_documents({}) == count


async def nothing_waits(database: Database) -> bool:
    return await database["mails"].count_documents(WAITING) == 0


async def told_all(log: Log, count: int) -> bool:
    return sum((await log.ends(MAILS.name)).values()) >= count


async def states_of(database: Database) -> dict[str, str]:
    return {document["to"]: document["state"] async for document in database["mails"].find({})}


async def time_passes(database: Database) -> set[str]:
    """Let the leases of the one who died run out, which takes minutes. Gives the mails that were on the wire."""
    wire = {document["to"] async for document in database["mails"].find({"state": "sending"})}
    past = datetime.now(UTC) - timedelta(seconds=1)
    await database["mails"].update_many({"state": {"$in": ["claimed", "sending"]}}, {"$set": {"lease_until": past}})
    return wire
