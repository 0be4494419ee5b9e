"""Several messages in two minutes are one mail: the first at once, the rest together, each text once, in order."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifications.bursts import MOST_PARTS, WINDOW
from services.notifications.envelope import Mail
from services.notifications.kinds import KINDS, folds
from services.notifications.mail import mails_for_job
from services.notifications.outbox import Outbox
from services.notifications.pacing import HOUR
from services.notifications.prospects import mails_for_lead
from shared.contracts.base import derived_id
from shared.contracts.jobs import CommentAdded, MerchantReplied, Status
from shared.contracts.partners import Role
from tests.builders import AIKO, BY_MERCHANT, BY_PARTNER, KEN, NOW, a_job, a_member, a_partner, an_event, replied
from tests.fakes import ManualClock
from tests.memory_mongo import MemoryDatabase
from tests.notifications.leads import delivered

TEAM = a_partner(members=(a_member("Aiko"), a_member("Ken", Role.MEMBER)))
JOB = a_job(Status.AWAITING_REPLY)
SECOND = timedelta(seconds=1)


def wrote(text: str, job: UUID = JOB.job_id) -> list[Mail]:
    """The merchant's message as a mail to the desk."""
    fact = MerchantReplied(text=text, actor=BY_MERCHANT)
    return mails_for_job(an_event(fact, JOB, subject=job, event_id=derived_id("said", text, job)), TEAM)


class Post:
    """The outbox, and a worker that takes what is due."""

    def __init__(self, database: Any = None) -> None:
        self.clock = ManualClock(NOW)
        self.database = MemoryDatabase(self.clock.now) if database is None else database
        self.outbox = Outbox(self.database)
        self.sent: list[tuple[datetime, list[str]]] = []

    async def say(self, *mails: Mail) -> None:
        await self.outbox.queue(mails, self.clock.now())

    async def send(self) -> None:
        while claims := await self.outbox.claim(self.clock.now(), 1):
            (claim,) = claims
            assert await self.outbox.begin(claim)
            await self.outbox.end(claim, "sent", self.clock.now())
            self.sent.append((self.clock.now(), texts(claim.mail)))

    async def all_states(self) -> list[str]:
        return [document["state"] async for document in self.database["mails"].find({})]

    def states(self) -> list[str]:
        return [document["state"] for document in self.database["mails"].documents.values()]


def texts(mail: Mail) -> list[str]:
    return [part.get("text", "") for part in mail.parts or (mail.values,)]


@pytest.fixture
def post() -> Post:
    return Post()


async def test_the_first_goes_at_once_and_the_rest_together_when_two_minutes_are_over(post: Post) -> None:
    for number in range(4):
        await post.say(*wrote(f"{number}"))
        await post.send()
        post.clock.move(20 * SECOND)
    assert post.sent == [(NOW, ["0"])]
    post.clock.at = NOW + WINDOW
    await post.send()
    assert post.sent[1:] == [(NOW + WINDOW, ["1", "2", "3"])]
    assert post.states() == ["sent", "sent"]
    await post.say(*wrote("later"))
    await post.send()
    assert post.sent[2:] == [(NOW + WINDOW, ["later"])]


async def test_one_that_comes_again_is_in_one_mail_whatever_became_of_it(post: Post) -> None:
    await post.say(*wrote("0"), *wrote("1"), *wrote("1"))
    await post.say(*wrote("1"), *wrote("0"))
    post.clock.move(WINDOW)
    await post.send()
    post.clock.move(WINDOW)
    await post.say(*wrote("0"), *wrote("1"))
    await post.send()
    assert [said for _, said in post.sent] == [["0"], ["1"]]


async def test_what_comes_while_the_rest_is_on_its_way_is_not_lost(post: Post) -> None:
    await post.say(*wrote("0"), *wrote("1"))
    assert len(await post.outbox.claim(NOW)) == 1
    (collected,) = await post.outbox.claim(NOW + WINDOW)
    assert texts(collected.mail) == ["1"]
    await post.say(*wrote("2"))  # by a clock that is a little slow
    await post.send()
    assert post.sent == [(NOW, ["2"])]


async def test_a_burst_without_end_makes_no_mail_without_end(post: Post) -> None:
    mails = [mail for number in range(MOST_PARTS + 3) for mail in wrote(f"{number}")]
    await post.say(*mails)
    post.clock.move(WINDOW)
    await post.send()
    said = [text for _, part in post.sent for text in part]
    assert sorted(said, key=int) == [str(number) for number in range(MOST_PARTS + 3)]
    assert max(len(part) for _, part in post.sent) == MOST_PARTS


async def test_only_what_belongs_together_is_folded(post: Post) -> None:
    """Another job, another recipient, another kind; a comment is not a message to the merchant."""
    job = a_job(Status.REPLIED, assignees=(KEN,))
    comment = CommentAdded(text="Who?", mentions=(AIKO,), actor=BY_PARTNER.model_copy(update={"member_id": None}))
    say = replied(first=False, text="More.", by=BY_PARTNER)
    mails = [*wrote("0"), *wrote("0", derived_id("another job"))]
    for fact in (comment, say):
        mails += mails_for_job(an_event(fact, job, event_id=derived_id(type(fact).__name__)), TEAM)
    await post.say(*mails)
    await post.send()
    assert len(post.sent) == len(mails) == 6


@pytest.mark.parametrize("template", sorted(name for name, kind in KINDS.items() if kind.folds))
def test_what_folds_is_a_conversation(template: str) -> None:
    assert template in {"merchant_replied", "partner_replied", "correspondence", "mention"}


def test_an_introduction_stands_alone() -> None:
    first, second = (
        mails_for_job(an_event(replied(first=first), a_job(), event_id=derived_id(first)), TEAM)[0]
        for first in (True, False)
    )
    assert (folds(first), folds(second)) == (False, True)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 3), st.booleans()), max_size=25))
async def test_every_text_arrives_once_and_in_order(steps: list[tuple[int, int, bool]]) -> None:
    """Whenever it is said, however often the last records come again, whenever a worker looks."""
    post, said = Post(), []
    for gap, again, looks in steps:
        post.clock.move(gap * SECOND)
        said.append(str(len(said)))
        await post.say(*[mail for text in said[-1 - again :] for mail in wrote(text)])
        if looks:
            await post.send()
    post.clock.move(WINDOW)
    await post.send()
    assert [text for _, part in sorted(post.sent, key=lambda sent: int(sent[1][0])) for text in part] == said
    documents = post.database["mails"].documents.values()
    opened = sorted(document["open_until"] for document in documents if "open_until" in document)
    assert all(later - earlier >= WINDOW for earlier, later in pairwise(opened))
    assert len(documents) <= 2 * len(opened)
    assert set(post.states()) <= {"sent"}


async def test_a_real_server_folds_and_paces_as_the_one_in_memory(mongo_database: Any) -> None:
    post = Post(mongo_database)
    await post.outbox.prepare()
    for number in range(MOST_PARTS + 3):
        await post.say(*wrote(f"{number}"), *wrote(f"{number // 2}"))
    leads = [mail for number in range(5) for mail in mails_for_lead(delivered(number), TEAM)]
    await post.say(*leads)
    await post.say(*leads)
    due = sorted([document["next_at"] async for document in mongo_database["mails"].find({"template": "lead"})])
    assert due == [NOW, NOW, NOW, NOW + HOUR, NOW + HOUR]
    post.clock.move(WINDOW)
    await post.send()
    said = [text for _, part in post.sent for text in part if text.isdigit()]
    assert sorted(said, key=int) == [str(number) for number in range(MOST_PARTS + 3)]
    assert max(len(part) for _, part in post.sent) == MOST_PARTS
    post.clock.move(HOUR)
    await post.send()
    assert set(await post.all_states()) == {"sent"}
