"""What a search looks through: tokens of all that is said of a job, from `jobs.events` alone.

The index holds tokens and no text; what was written is read from the other read models, a page at a time. To build it
anew: drop both collections, load first and `prepare` after (one minute against five for 100,000 jobs), with new
processes, since each remembers which words it has written.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple
from uuid import UUID

from shared.contracts.base import Message
from shared.contracts.jobs import (
    CommentAdded,
    Job,
    JobCompleted,
    JobCreated,
    JobDeclined,
    JobExpired,
    JobMarkedInactive,
    JobOpened,
    JobReactivated,
    JobReplied,
    MembersAssigned,
    MerchantReplied,
)
from shared.contracts.requests import RequestDetails
from shared.mongo import Database, join_and_replace_if_newer
from shared.projection import Projection, Write, once
from shared.records import Received
from shared.tokens import COMMENT, deletions, tokens_of, words_of

SEARCH, WORDS = "search_view", "search_words"

MOST_TOKENS = 32_768
"""Tokens of one job, about 0.6 MB. A job that says more is not found by what was said last."""
REMEMBERED = 50_000
"""Words that a process knows to be in the vocabulary; about 5 MB."""

Field = Literal["merchant", "title", "requirements", "business", "service", "message", "comment", "attachment"]

SAID: dict[str, type[JobReplied | MerchantReplied | CommentAdded]] = {
    fact.__name__: fact for fact in (JobReplied, MerchantReplied, CommentAdded)
}
INDEXED = (
    JobCreated,
    *SAID.values(),
    JobOpened,
    JobDeclined,
    JobExpired,
    JobMarkedInactive,
    JobCompleted,
    JobReactivated,
    MembersAssigned,
)
"""The facts that say something searchable or change what a search filters by; the others cost no write. Each writes all
filter fields: they come from the snapshot, and may be newer than the fact."""


_ANY_ENTRY = UUID(int=0)


class Passage(NamedTuple):
    """A text of a job. `entry_id` is the entry of the timeline that it stands in; None for the request itself."""

    field: Field
    entry_id: UUID | None
    text: str


async def prepare(database: Database) -> None:
    """The order is by creation, which never changes: an index by last activity took half as many updates. Another
    index on tenant and time alone would lure the planner away from this one.
    """
    by_token = [("partner_id", 1), ("tokens", 1), ("created_at", -1), ("_id", -1)]
    await database[SEARCH].create_index(by_token)
    await database[SEARCH].create_index("merchant_id")
    await database[WORDS].create_index("keys")


def on_job(received: Received) -> Iterable[Write]:
    """A job's tokens join what is there; what a search filters by replaces what is older. A word joins once."""
    yield from _reaction(received, lambda _: True)


class Indexing(Projection):
    """The projection of `on_job`, without the words that this process has written already.

    A word counts as written once its batch is: a batch that fails and comes again brings all of its words again.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database, self._react)
        self._written: OrderedDict[str, None] = OrderedDict()
        self._fresh: set[str] = set()

    async def __call__(self, batch: Sequence[Received]) -> None:
        self._fresh.clear()
        await super().__call__(batch)
        self._written.update(dict.fromkeys(self._fresh))
        while len(self._written) > REMEMBERED:
            self._written.popitem(last=False)

    def _react(self, received: Received) -> Iterable[Write]:
        return _reaction(received, self._is_new)

    def _is_new(self, word: str) -> bool:
        if word in self._fresh:
            return False
        if word in self._written:
            self._written.move_to_end(word)
            return False
        self._fresh.add(word)
        return True


def _reaction(received: Received, is_wanted: Callable[[str], bool]) -> Iterable[Write]:
    event = received.record
    if isinstance(event.fact, INDEXED):
        passages = passages_of(event.id, event.fact)
        yield _indexed(event.snapshot, passages)
        words = {word for passage in passages for word in words_of(passage.text)}
        yield from (once(WORDS, word, {"keys": deletions(word)}) for word in sorted(words) if is_wanted(word))


def _indexed(job: Job, passages: list[Passage]) -> Write:
    fields = {
        "partner_id": job.partner_id,
        "merchant_id": job.details.merchant.merchant_id,
        "created_at": job.created_at,
        "status": job.status.value,
        "kind": job.details.kind.value,
        "assignees": [str(member_id) for member_id in job.assignees],
        "introduced": job.introduced,
    }
    tokens = [
        token
        for passage in passages
        for token in tokens_of(passage.text, COMMENT if passage.field == "comment" else "")
    ]
    joined = {"tokens": list(dict.fromkeys(tokens))}
    return Write(SEARCH, join_and_replace_if_newer(job.job_id, job.version, fields, joined, MOST_TOKENS))


def passages_of(entry_id: UUID, fact: Message) -> list[Passage]:
    """What a fact says."""
    match fact:
        case JobCreated():
            return passages_of_request(fact.details)
        case CommentAdded():
            return [Passage("comment", entry_id, fact.text)]
        case JobReplied() | MerchantReplied():
            names = [Passage("attachment", entry_id, attachment.name) for attachment in fact.attachments]
            return [Passage("message", entry_id, fact.text), *names]
    return []


def tokens_of_entry(fact: Message) -> list[str] | None:
    """What an entry of the timeline can be found by once its job is; None for one that is not searched."""
    if type(fact).__name__ not in SAID:
        return None
    texts = [passage.text for passage in passages_of(_ANY_ENTRY, fact)]
    return list(dict.fromkeys(token for text in texts for token in tokens_of(text)))


def passages_of_entry(entry: Mapping[str, Any]) -> list[Passage]:
    """As `passages_of`, of the timeline's entry of such a fact: its texts alone, without making the fact again."""
    entry_id, fact = entry["_id"], entry["fact"]
    said: Field = "comment" if entry["type"] == CommentAdded.__name__ else "message"
    names = [Passage("attachment", entry_id, attachment["name"]) for attachment in fact.get("attachments", ())]
    return [Passage(said, entry_id, fact["text"]), *names]


def passages_of_request(details: RequestDetails) -> list[Passage]:
    return [
        Passage("merchant", None, details.merchant.name),
        Passage("title", None, details.title),
        Passage("requirements", None, details.requirements),
        Passage("business", None, details.business),
        Passage("service", None, details.service),
    ]
