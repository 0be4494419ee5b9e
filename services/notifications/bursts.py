"""Several mails of one kind, to one recipient, about one job, within two minutes: one mail.

The first goes out at once, so that nobody waits for an answer that stands alone. It opens a window of two minutes; what
comes within it is collected in one more document, which is due when the window closes. Whatever comes later is a first
again.

    10:00:00  "Hello"          sent at once, the window is open until 10:02:00
    10:00:20  "one more thing" collected   ┐
    10:01:10  "and the file"   collected   ┴ one mail at 10:02:00, both texts in order

There is one document per mail, with the states of all mails, and nothing to be swept: a mail's text is either a
document of its own or a part of one, by its id, and it is looked for before it is put anywhere. So whatever was put
before a crash is found when the record comes again. Parts join only while the collecting document is queued, in one
atomic write: once a worker has claimed it, its text no longer changes, and what comes too late opens a window of its
own.

A batch of mails is put in a few round trips, however many they are: what is there is read, where each mail belongs is
decided in memory (`Window`), and then the first mails are written and after them the parts. A part that somebody else
has kept out is decided about once more.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pymongo import UpdateOne

from services.notifications.bulk import all_written
from services.notifications.envelope import Mail
from services.notifications.fitting import kept
from shared.contracts.base import address_key, derived_id
from shared.mongo import Collection, Document

WINDOW = timedelta(minutes=2)
MOST_PARTS = 50
"""More than anybody writes by hand in two minutes. What is more opens a window of its own."""


def burst_of(mail: Mail) -> UUID:
    """What mails have in common that go out together."""
    inside = mail.values.get("internal", "")
    return derived_id("burst", address_key(mail.recipient.email), mail.about, mail.template, inside)


def collecting_of(first: UUID) -> UUID:
    """The document that collects what comes behind this first mail."""
    return derived_id("burst", first)


@dataclass
class Window:
    """An open window: its first mail, until when it is open, how many more parts it takes, and which it is given."""

    first: UUID
    until: datetime
    room: int = MOST_PARTS
    joining: list[Mail] = field(default_factory=list)

    def write(self, documents: Mapping[UUID, Document]) -> UpdateOne:
        """Join, all or none: while it is queued, has room for all, and has none of them."""
        ids, count = [mail.id for mail in self.joining], len(self.joining)
        fresh = {name: value for name, value in documents[ids[0]].items() if name != "state"}
        waits: dict[str, Any] = {"_id": collecting_of(self.first), "state": "queued"}
        has_room = {"parts.id": {"$nin": ids}, f"parts.{MOST_PARTS - count}": {"$exists": False}}
        parts = [{"id": mail.id, "values": kept(mail.values)} for mail in self.joining]
        return UpdateOne(
            {**waits, **has_room},
            {"$setOnInsert": {**fresh, "next_at": self.until}, "$push": {"parts": {"$each": parts}}},
            upsert=True,
        )


class Bursts:
    def __init__(self, mails: Collection) -> None:
        self._mails = mails

    async def prepare(self) -> None:
        await self._mails.create_index(
            [("burst", 1), ("open_until", 1)], partialFilterExpression={"burst": {"$exists": True}}
        )
        await self._mails.create_index("parts.id", partialFilterExpression={"parts.id": {"$exists": True}})

    async def queue(self, documents: Mapping[UUID, Document], mails: Sequence[Mail], now: datetime) -> None:
        """Put each mail where it belongs. `documents` is what each is as a mail of its own. Mails of one job come in
        order and one at a time: they are in one partition.
        """
        while mails := await self._unknown(mails):
            windows = await self._open_windows(mails, now)
            firsts = _placed(mails, windows, now)
            if firsts:
                opened = [_opening(mail, documents[mail.id], now) for mail in firsts]
                await self._mails.bulk_write(opened, ordered=False)
            given = [window for of_burst in windows.values() for window in of_burst if window.joining]
            if not given or await all_written(self._mails, [window.write(documents) for window in given]):
                return

    async def _unknown(self, mails: Sequence[Mail]) -> list[Mail]:
        """Those that are neither a document nor a part of one, each once."""
        ids = [mail.id for mail in mails]
        known: set[UUID] = set()
        if ids:
            found = self._mails.find({"$or": [{"_id": {"$in": ids}}, {"parts.id": {"$in": ids}}]}, {"parts.id": 1})
            async for document in found:
                known |= {document["_id"], *(part["id"] for part in document.get("parts", ()))}
        return list({mail.id: mail for mail in mails if mail.id not in known}.values())

    async def _open_windows(self, mails: Sequence[Mail], now: datetime) -> dict[UUID, list[Window]]:
        """The open windows of each burst that still take parts, the newest first."""
        bursts = {burst_of(mail) for mail in mails}
        found = self._mails.find({"burst": {"$in": list(bursts)}, "open_until": {"$gt": now}}).sort("open_until", -1)
        opened = [(document["burst"], Window(document["_id"], document["open_until"])) async for document in found]
        collecting = await self._collecting([window for _, window in opened])
        windows: dict[UUID, list[Window]] = {burst: [] for burst in bursts}
        for burst, window in opened:
            document = collecting.get(collecting_of(window.first))
            if document is not None:
                window.room = MOST_PARTS - len(document["parts"]) if document["state"] == "queued" else 0
            if window.room:
                windows[burst].append(window)
        return windows

    async def _collecting(self, windows: Iterable[Window]) -> dict[UUID, Document]:
        ids = [collecting_of(window.first) for window in windows]
        if not ids:
            return {}
        found = self._mails.find({"_id": {"$in": ids}}, {"state": 1, "parts.id": 1})
        return {document["_id"]: document async for document in found}


def _placed(mails: Sequence[Mail], windows: dict[UUID, list[Window]], now: datetime) -> list[Mail]:
    """Give each mail to the newest window of its burst that has room; gives those that open one."""
    firsts: list[Mail] = []
    for mail in mails:
        open_ones = windows[burst_of(mail)]
        window = next((one for one in open_ones if len(one.joining) < one.room), None)
        if window is not None:
            window.joining.append(mail)
        else:
            firsts.append(mail)
            open_ones.insert(0, Window(mail.id, now + WINDOW))
    return firsts


def _opening(mail: Mail, document: Document, now: datetime) -> UpdateOne:
    window = {"burst": burst_of(mail), "open_until": now + WINDOW}
    return UpdateOne({"_id": mail.id}, {"$setOnInsert": {**document, **window}}, upsert=True)
