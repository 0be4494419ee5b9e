"""Jobs that can be searched, and what a search means: by looking at every text of every job."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from services.gateway.read import projections
from services.gateway.read.search import Hit, Search
from services.gateway.read.search_index import Indexing
from services.jobs.job import evolve
from shared.contracts.base import Message, derived_id
from shared.contracts.jobs import Attachment, CommentAdded, JobCreated, JobReplied, MerchantReplied
from shared.contracts.requests import RequestKind
from shared.projection import Projection
from shared.records import Received
from shared.tokens import CORRECTED, Kind, fold, is_near, terms_of
from tests.builders import BY_MERCHANT, BY_PARTNER, NOW, PARTNER_ID, a_merchant, an_event, details, received

OTHER_ID = derived_id("another partner")
PIECES = (
    *("spring", "springtime", "launch", "marketing", "market", "SEO", "theme", "Straße", "été", "Œuvre", "référence"),
    *(
        "a",
        "l'été",
        "2026",
        "b2b",
        "東京",
        "京都",
        "東京都",
        "京東",
        "紅茶店",
        "タワー",
        "ガード",
        "カード",
        "が",
        "か",
    ),
    *("検索順位を上げたい", "検索", "ＳＥＯ対策", "ｶﾞｰﾄﾞ", "cafe\u0301", "か\u3099"),
)


@dataclass(frozen=True, eq=False)
class Story:
    """What happened to one job, in order, and all that was said."""

    job_id: UUID
    partner_id: UUID
    created_at: datetime
    events: list[Received]
    texts: list[str]


def said(text: str, *names: str) -> JobReplied:
    return JobReplied(text=text, first=False, attachments=attachments(names), actor=BY_PARTNER)


def heard(text: str, *names: str) -> MerchantReplied:
    return MerchantReplied(text=text, attachments=attachments(names), actor=BY_MERCHANT)


def commented(text: str) -> CommentAdded:
    return CommentAdded(text=text, actor=BY_PARTNER)


def attachments(names: Iterable[str]) -> tuple[Attachment, ...]:
    return tuple(
        Attachment(attachment_id=derived_id("attachment", name), name=name, media_type="text/plain", size=1)
        for name in names
    )


def a_story(
    number: int, *facts: Message, partner_id: UUID = PARTNER_ID, at: datetime | None = None, **fields: Any
) -> Story:
    """A job with what was said in it; jobs are made a minute apart in the order of their numbers."""
    job_id, at = derived_id("job", number), at or NOW + timedelta(minutes=number)
    about = details(RequestKind.MATCH, **fields)
    created = JobCreated(
        request_id=derived_id("request", number),
        partner_id=partner_id,
        details=about,
        reply_window_seconds=3600,
        remind_before_seconds=(),
    )
    job, events = None, []
    for version, fact in enumerate((created, *facts), 1):
        job = evolve(job, fact, job_id, at).model_copy(update={"version": version})
        events.append(received(an_event(fact, job, subject=job_id, at=at), topic="jobs.events", at=at))
    texts = [about.merchant.name, about.title, about.requirements, about.business, about.service]
    for fact in facts:
        texts += [getattr(fact, "text", ""), *(one.name for one in getattr(fact, "attachments", ()))]
    return Story(job_id, partner_id, at, events, texts)


def stories(seed: int, count: int) -> list[Story]:
    """Jobs of two partners, in three languages, some made at the same moment."""
    draw = random.Random(seed)

    def text() -> str:
        return "".join(draw.choice(PIECES) + draw.choice((" ", " ", "", "、", "\n")) for _ in range(6)).strip()

    def line() -> str:
        return text().replace("\n", " ")[:100].strip()

    return [
        a_story(
            number,
            *draw.sample(
                (said(text(), line()), heard(text()), commented(text()), commented(text())), draw.randint(0, 4)
            ),
            partner_id=draw.choice((PARTNER_ID, PARTNER_ID, OTHER_ID)),
            at=NOW + timedelta(minutes=number // 2),
            title=line(),
            requirements=text(),
            business=text(),
            merchant=a_merchant(name=line()),
        )
        for number in range(count)
    ]


def a_query(seed: int) -> str:
    """One to three pieces as somebody might type them: cut short, misspelt, in another width or case."""
    draw = random.Random(seed)
    typed = (lambda word: word, str.upper, _cut(draw), _swapped(draw), _without_one(draw), _wide)
    words = [draw.choice(typed)(draw.choice(PIECES)) for _ in range(draw.choice((1, 1, 1, 2, 3)))]
    return draw.choice((" ", " ", "")).join(words) + draw.choice(("", "", " "))


def _cut(draw: random.Random) -> Any:
    return lambda word: word[: draw.randint(1, len(word))]


def _swapped(draw: random.Random) -> Any:
    def swapped(word: str) -> str:
        place = draw.randrange(len(word))
        return word[:place] + word[place : place + 2][::-1] + word[place + 2 :]

    return swapped


def _without_one(draw: random.Random) -> Any:
    def without_one(word: str) -> str:
        place = draw.randrange(len(word))
        return word[:place] + word[place + 1 :]

    return without_one


def _wide(word: str) -> str:
    return "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in word)


def brute_force(told: Sequence[Story], partner_id: UUID, query: str) -> list[UUID]:
    """The jobs that a search should find, newest first."""
    mine = [story for story in told if story.partner_id == partner_id]
    found = set(mine) if terms_of(query) else set()
    for term in terms_of(query):
        holding = {story for story in mine if _holds(story, term.kind, term.texts[0])}
        if not holding and term.kind is not Kind.RUN and len(term.texts[0]) in CORRECTED:
            holding = {story for story in mine if any(_is_typo(word, term.texts[0]) for word in _words(story))}
        found &= holding
    newest_first = sorted(found, key=lambda story: (story.created_at, story.job_id.bytes), reverse=True)
    return [story.job_id for story in newest_first]


def _holds(story: Story, kind: Kind, wanted: str) -> bool:
    if kind is Kind.RUN:
        return any(wanted in fold(text) for text in story.texts)
    return any(word == wanted or (kind is Kind.PREFIX and word.startswith(wanted)) for word in _words(story))


def _is_typo(word: str, wanted: str) -> bool:
    return len(word) in CORRECTED and word.isalpha() and is_near(word, wanted)


def _words(story: Story) -> Iterator[str]:
    for text in story.texts:
        for is_word, letters in groupby(fold(text), lambda letter: letter.isalnum() and letter < "\u1100"):
            if is_word:
                yield "".join(letters)


class Desk:
    """The read models that a search rests on, over any database."""

    def __init__(self, database: Any) -> None:
        self.database = database
        self.views = Projection(database, projections.on_job)
        self.index = Indexing(database)
        self.search = Search(database)

    async def tell(self, *told: Story) -> None:
        events = [event for story in told for event in story.events]
        await self.views(events)
        await self.index(events)

    async def find(self, q: str, *, partner_id: UUID = PARTNER_ID, **more: Any) -> list[Hit]:
        return await self.search.find(partner_id, q, **{"filters": {}, "before": None, "limit": 1000, **more})

    async def jobs(self, q: str, **more: Any) -> list[UUID]:
        return [hit.job_id for hit in await self.find(q, **more)]

    async def pages(self, q: str, limit: int, **more: Any) -> list[UUID]:
        """All jobs that are found, a page after the other."""
        found: list[UUID] = []
        before = None
        while page := await self.find(q, limit=limit, before=before, **more):
            found += [hit.job_id for hit in page]
            before = (page[-1].created_at, page[-1].job_id)
        return found
