"""Live updates: who hears what, what a page that was cut off is told, and when its stream ends."""

import asyncio
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.live import hub as live
from services.gateway.live import memory, stream
from services.gateway.live.news import Listener, News, Shown
from services.gateway.live.position import Newest, Position
from services.gateway.live.seals import Seals
from services.gateway.live.stream import Stream, Streams
from services.gateway.read.tenants import MemberTenant
from shared.contracts.base import derived_id
from shared.contracts.jobs import CommentAdded, JobBlocked, JobCompleted, JobOpened, JobReplied, Status
from shared.contracts.requests import RequestKind
from shared.http import Problem
from tests.builders import BY_PARTNER, BY_SYSTEM, KEN, PARTNER_ID, a_job, replied
from tests.gateway.live_pages import KEYS, MERCHANT, TEAM, Log, Replica, greeting, page

OPENED, REPLIED, COMPLETED = JobOpened(actor=BY_PARTNER), replied(), JobCompleted(actor=BY_PARTNER)
COMMENT = CommentAdded(text="Hm.", actor=BY_PARTNER)
IN_A_MOMENT = (0.0, 0.0)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
async def replica(log: Log) -> Replica:
    return Replica(log)


# Who hears what.


async def test_a_new_page_is_greeted_and_hears_what_comes_from_now_on(replica: Replica, log: Log) -> None:
    log.say(OPENED)
    await replica.hear()
    async with page(replica) as team:
        assert (await team.next()).name == "hello"
        log.say(REPLIED)
        await replica.hear()
        told = await team.next()
    assert (told.name, told.data["type"], told.data["status"]) == ("job", "JobReplied", "replied")


async def test_a_member_who_sees_assigned_jobs_only_hears_of_those_only(replica: Replica, log: Log) -> None:
    async with page(replica, Listener(tenants=((MemberTenant(PARTNER_ID, KEN), 1),))) as ken:
        await ken.next()
        log.say(OPENED)
        log.say(REPLIED, job=a_job(Status.REPLIED, assignees=(KEN,)))
        await replica.hear()
        assert await ken.types(1) == ["JobReplied"]


async def test_nobody_is_told_of_a_block_but_who_did_it(replica: Replica, log: Log) -> None:
    async with page(replica) as team:
        await team.next()
        log.say(JobBlocked(actor=BY_SYSTEM), REPLIED)
        await replica.hear()
        assert await team.types(1) == ["JobReplied"]


@pytest.mark.parametrize(
    ("who", "listener"),
    [
        ("another team", Listener(tenants=((MemberTenant(derived_id("another")), 1),))),
        ("another merchant", Listener(merchant_id=derived_id("another"))),
        ("somebody with neither", Listener()),
    ],
)
async def test_nobody_hears_of_jobs_that_are_not_theirs(
    replica: Replica, log: Log, who: str, listener: Listener
) -> None:
    before = (await greeting(replica)).cursor
    async with page(replica, listener) as now:
        await now.next()
        log.say(OPENED, REPLIED, COMPLETED)
        await replica.hear()
        assert now.waiting() == [], who
    async with page(replica, listener, before) as later:
        assert (await later.next()).name == "hello"
        assert later.waiting() == [], who


async def test_the_merchant_hears_nothing_of_what_the_team_does_among_itself(replica: Replica, log: Log) -> None:
    assert await merchant_hears(replica, log, OPENED, COMMENT) == []


async def test_the_merchant_hears_nothing_of_a_partner_that_is_not_introduced(replica: Replica, log: Log) -> None:
    assert await merchant_hears(replica, log, REPLIED, status=Status.OPENED) == []


async def test_the_merchant_hears_of_a_direct_job_without_learning_that_it_was_opened(
    replica: Replica, log: Log
) -> None:
    assert await merchant_hears(replica, log, REPLIED, status=Status.OPENED, kind=RequestKind.DIRECT) == ["new"]


async def merchant_hears(replica: Replica, log: Log, *facts: object, status: Status = Status.REPLIED, **job: object):
    """The statuses that the merchant is told, live and when it comes back."""
    async with page(replica, MERCHANT) as live_page:
        before = (await live_page.next()).cursor
        log.say(*facts, job=a_job(status, **job))
        await replica.hear()
        heard = [told.data["status"] for told in live_page.waiting()]
    async with page(replica, MERCHANT, before) as back:
        await back.next()
        assert [told.data["status"] for told in back.waiting()] == heard
    return heard


PARTNERS, MEMBERS, MERCHANTS = ([derived_id(what, n) for n in range(2)] for what in ("partner", "member", "merchant"))
TENANTS = st.builds(MemberTenant, st.sampled_from(PARTNERS), st.sampled_from([None, *MEMBERS]))
LISTENERS = st.builds(
    Listener,
    st.lists(st.tuples(TENANTS, st.just(1)), max_size=3).map(tuple),
    st.sampled_from([None, *MERCHANTS]),
)
NEWS = st.builds(
    News,
    id=st.just(derived_id("news")),
    number=st.just(1),
    partition=st.just(0),
    offset=st.just(0),
    cursor=st.just("c"),
    type=st.just(JobReplied.__name__),
    job_id=st.just(derived_id("job")),
    partner_id=st.sampled_from(PARTNERS),
    merchant_id=st.sampled_from(MERCHANTS),
    assignees=st.lists(st.sampled_from(MEMBERS), unique=True).map(tuple),
    to_team=st.sampled_from([None, Shown(1, "opened")]),
    to_merchant=st.sampled_from([None, Shown(1, "new")]),
)


@given(st.lists(LISTENERS, max_size=8), NEWS)
def test_an_event_reaches_at_once_whom_it_would_reach_if_everybody_were_asked(
    listeners: list[Listener], news: News
) -> None:
    streams, pages = Streams(), [Stream(one) for one in listeners]
    for one in pages:
        streams.add(one)
    asked = {one: told for one in pages if (told := news.frame_for(one.keys))}
    assert dict(streams.reached_by(news)) == asked
    for one in pages:
        streams.remove(one)
    assert not list(streams.reached_by(news))
    assert not len(streams)


async def test_an_event_touches_only_those_who_may_see_it(replica: Replica, log: Log) -> None:
    """However many others are listening: they are not even woken."""
    others = [Stream(Listener(tenants=((MemberTenant(derived_id("other", n)), 1),))) for n in range(2_000)]
    woken = []
    for one in others:
        replica.hub._streams.add(one)
        one._woken.set = lambda one=one: woken.append(one)  # type: ignore[method-assign]
    async with page(replica) as team:
        await team.next()
        log.say(REPLIED)
        await replica.hear()
        assert await team.types(1) == ["JobReplied"]
    assert woken == []


# A page that comes back.


async def test_a_page_that_comes_back_gets_what_it_missed_in_order(replica: Replica, log: Log) -> None:
    before = (await greeting(replica)).cursor
    log.say(OPENED, REPLIED, partition=0)
    log.say(COMMENT, partition=2)
    await replica.hear()
    async with page(replica, TEAM, before) as back:
        assert (await back.next()).name == "hello"
        missed = [await back.next() for _ in range(3)]
    assert [told.data["type"] for told in missed] == ["JobOpened", "JobReplied", "CommentAdded"]
    async with page(replica, TEAM, missed[1].cursor) as again:
        await again.next()
        assert await again.types(1) == ["CommentAdded"]
        assert again.waiting() == []


async def test_a_page_goes_on_at_another_replica_where_it_was(replica: Replica, log: Log) -> None:
    other = Replica(log)
    log.say(OPENED, partition=0)
    for one in (replica, other):
        await one.hear()
    before = (await greeting(replica)).cursor
    log.say(REPLIED, partition=1)
    log.say(COMMENT, partition=0)
    for partition in (1, 0):  # another order than the first replica's
        await other.hear(partition=partition)
    async with page(other, TEAM, before) as back:
        assert (await back.next()).name == "hello"
        assert await back.types(2) == ["JobReplied", "CommentAdded"]
        assert back.waiting() == []


async def test_a_replica_of_which_a_partition_has_been_silent_so_far_knows_that_nothing_was_missed(log: Log) -> None:
    log.say(OPENED, REPLIED, partition=1)
    old, new = Replica(log), Replica(log)
    assert (await greeting(new, (await greeting(old)).cursor)).name == "hello"


async def test_a_replica_that_started_later_than_the_cursor_says_to_load_again(replica: Replica, log: Log) -> None:
    before = (await greeting(replica)).cursor
    log.say(OPENED, partition=2)
    assert (await greeting(Replica(log), before)).name == "reset"


async def test_a_replica_that_is_behind_the_cursor_repeats_nothing_and_loses_nothing(
    replica: Replica, log: Log
) -> None:
    late = Replica(log)
    log.say(OPENED)
    await replica.hear()
    ahead = (await greeting(replica)).cursor
    async with page(late, TEAM, ahead) as back:
        hello = asyncio.create_task(back.next())
        await until_waiting_to_catch_up(late)
        log.say(REPLIED)
        await late.hear()
        assert (await hello).name == "hello"
        assert await back.types(1) == ["JobReplied"]
        assert back.waiting() == []


async def test_a_replica_that_does_not_get_to_the_cursor_says_to_load_again(
    replica: Replica, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cursors from before the topic was made anew look like that, and those that somebody made up."""
    monkeypatch.setattr(live, "BEHIND_SECONDS", 0.01)
    log.say(OPENED)
    await replica.hear()
    ahead = (await greeting(replica)).cursor
    assert (await greeting(Replica(Log()), ahead)).name == "reset"


async def test_a_replica_that_stops_lets_go_of_those_who_wait_for_it_to_catch_up(replica: Replica, log: Log) -> None:
    late = Replica(log)
    log.say(OPENED)
    await replica.hear()
    async with page(late, TEAM, (await greeting(replica)).cursor) as back:
        ending = asyncio.create_task(back.rest())
        await until_waiting_to_catch_up(late)
        late.stopping.set()
        assert [told.name for told in await ending] == ["reset"]


async def until_waiting_to_catch_up(replica: Replica) -> None:
    while not replica.hub._heard._waiters:
        await asyncio.sleep(0)


async def test_a_cursor_of_a_topic_that_was_made_anew_is_no_cursor(replica: Replica, log: Log) -> None:
    """Though its offsets are offsets of the new one, too."""
    log.say(OPENED, REPLIED, COMMENT)
    await replica.hear()
    before = (await greeting(replica)).cursor
    anew = Log("another log")
    heard_all = Replica(anew)
    anew.say(OPENED, REPLIED, COMMENT, COMPLETED)
    await heard_all.hear()
    assert (await greeting(heard_all, before)).name == "reset"


async def test_when_the_topic_is_made_anew_everybody_is_told_to_load_again(replica: Replica, log: Log) -> None:
    log.say(OPENED, REPLIED)
    await replica.hear()
    async with page(replica, Listener()) as anybody:
        before = (await anybody.next()).cursor
        anew = Log("another log")
        anew.say(COMMENT)
        await replica.hub.on_news(anew.events[0])
        assert (await anybody.next()).name == "reset"
    assert (await greeting(replica, before)).name == "reset"
    assert replica.metrics.registry.get_sample_value("jobwire_sse_resets_total", {"reason": "log"}) == 1


async def test_a_batch_that_comes_again_is_told_once(replica: Replica, log: Log) -> None:
    async with page(replica) as team:
        await team.next()
        log.say(OPENED, REPLIED)
        await replica.hear()
        log.say(COMMENT)
        await replica.hear(again=2)
        assert await team.types(3) == ["JobOpened", "JobReplied", "CommentAdded"]
        assert team.waiting() == []


async def test_records_that_nobody_could_read_are_no_gap(replica: Replica, log: Log) -> None:
    before = (await greeting(replica)).cursor
    log.say(OPENED, REPLIED, COMMENT)
    await replica.hub.on_news([log.events[0][0], log.events[0][2]])
    async with page(replica, TEAM, before) as back:
        assert (await back.next()).name == "hello"
        assert await back.types(2) == ["JobOpened", "CommentAdded"]


async def test_a_record_that_was_under_way_when_hearing_began_is_told(log: Log) -> None:
    replica = Replica(log)
    log.say(OPENED, REPLIED, COMMENT)
    replica.hub.begin({("jobs.events", 0): 3})  # fetched up to here, and not handled yet
    async with page(replica) as team:
        await team.next()
        await replica.hear()
        assert await team.types(3) == ["JobOpened", "JobReplied", "CommentAdded"]


async def test_a_page_that_was_away_too_long_is_told_to_load_again(
    replica: Replica, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "REMEMBERED", 2)
    before = (await greeting(replica)).cursor
    log.say(OPENED)
    log.say(REPLIED, partition=1)
    await replica.hear()
    assert (await greeting(replica, before)).name == "hello"
    log.say(COMMENT, partition=2)
    await replica.hear()
    assert (await greeting(replica, before)).name == "reset"


async def test_a_page_of_which_nothing_was_told_for_long_still_knows_where_it_is(
    replica: Replica, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most events are other people's. Without this, most pages would load again each time their stream ends."""
    monkeypatch.setattr(memory, "REMEMBERED", 2)
    monkeypatch.setattr(live, "PING_SECONDS", 0.01)
    async with page(replica, Listener()) as quiet:
        await quiet.next()
        log.say(OPENED, REPLIED, COMMENT)
        await replica.hear()
        told = await quiet.next()
    assert (told.name, told.data) == ("", None)
    assert (await greeting(replica, told.cursor, Listener())).name == "hello"


async def test_a_page_that_missed_more_than_it_can_be_sent_loads_again(
    replica: Replica, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "QUEUE", 2)
    monkeypatch.setattr(live, "QUEUE", 2)
    before = (await greeting(replica)).cursor
    log.say(OPENED, REPLIED, COMMENT)
    await replica.hear()
    async with page(replica, TEAM, before) as back:
        assert (await back.next()).name == "reset"
        assert back.waiting() == []


async def test_a_page_that_reads_too_slowly_is_told_to_load_again_and_goes_on(
    replica: Replica, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "QUEUE", 2)
    async with page(replica) as slow:
        await slow.next()
        log.say(OPENED, REPLIED, COMMENT, OPENED)
        await replica.hear()
        reset = await slow.next()
        assert reset.name == "reset"
        assert await slow.types(1) == ["JobOpened"]
    async with page(replica, TEAM, reset.cursor) as back:
        assert (await back.next()).name == "hello"
        assert await back.types(1) == ["JobOpened"]
    assert replica.metrics.registry.get_sample_value("jobwire_sse_resets_total", {"reason": "slow"}) == 1


# Cursors.

POSITIONS = st.builds(
    Position,
    st.dictionaries(st.integers(0, 40), st.integers(0, 2**53), max_size=13),
    st.none() | st.builds(Newest, st.integers(0, 40), st.integers(0, 2**32 - 1)),
)


@given(POSITIONS)
def test_a_cursor_says_where_a_page_is(position: Position) -> None:
    assert Position.read(position.cursor()) == position


SEALS = Seals([KEYS])
TWELVE = Position({place: 10_000_000 + place for place in range(12)}, Newest(11, 2**32 - 1))


def test_a_cursor_of_twelve_busy_partitions_is_small() -> None:
    assert len(SEALS.seal(TWELVE.cursor())) < 256
    assert re.fullmatch(r"[A-Za-z0-9_-]+", SEALS.seal(TWELVE.cursor()))


def test_a_cursor_tells_nothing_and_is_never_twice_the_same() -> None:
    """Else a merchant could count what happens inside its partner's team between two events or two pings."""
    later = TWELVE._replace(offsets={**TWELVE.offsets, 3: 99_999_999})
    sealed = [SEALS.seal(position.cursor()) for position in (TWELVE, TWELVE, later)]
    assert len(set(sealed)) == len(sealed)
    assert {len(one) for one in sealed} == {len(sealed[0])}
    assert [SEALS.open(one) for one in sealed] == [one.cursor() for one in (TWELVE, TWELVE, later)]


@given(st.text(max_size=300))
def test_what_was_not_sealed_by_us_is_no_cursor(text: str) -> None:
    assert SEALS.open(text) is None


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_cursor_that_somebody_has_changed_is_none(place: int, change: int) -> None:
    raw = bytearray(urlsafe_b64decode(SEALS.seal(TWELVE.cursor()) + "=="))
    raw[place % len(raw)] ^= change
    assert SEALS.open(urlsafe_b64encode(raw).decode()) is None
    assert SEALS.open(TWELVE.cursor()) is None, "One of an earlier release: load again."


def test_a_key_that_is_being_changed_still_opens() -> None:
    assert Seals(["another-key-of-theirs", KEYS]).open(SEALS.seal("1-1.2-")) == "1-1.2-"
    assert Seals(["another-key-of-theirs"]).open(SEALS.seal("1-1.2-")) is None


GARBAGE = ["deadbeef-0", "nonsense", "-", "1-", "2-1.2-", "1-1_0-", "1-+1-", "1-²-", "1--0.xyz", "1-1-0.00000000\n"]
GARBAGE += ["1-" * 60, f"1-{'f' * 5_000}-", f"1-{'.' * 5_000}-", "\x00", "1-1.2.3.4.5.6-"]


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_nonsense_is_told_to_load_again(replica: Replica, garbage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "BEHIND_SECONDS", 0.01)
    assert (await greeting(replica, garbage)).name == "reset"


# The end of a stream.


async def test_who_leaves_a_team_hears_nothing_more_at_once(replica: Replica, log: Log) -> None:
    async with page(replica) as team:
        assert (await team.next()).name == "hello"
        log.say(REPLIED)
        await replica.hear()
        await replica.team_changes(version=2)
        assert [(told.name, told.cursor) for told in await team.rest()] == [("", "")]


async def test_who_is_let_in_after_the_change_stays(replica: Replica, log: Log) -> None:
    await replica.team_changes(version=2)
    async with page(replica, Listener(tenants=((MemberTenant(PARTNER_ID), 2),))) as knows:
        assert (await knows.next()).name == "hello"
        log.say(REPLIED)
        await replica.hear()
        assert (await knows.next()).name == "job"


async def test_who_was_let_in_before_the_change_is_asked_again(replica: Replica) -> None:
    await replica.team_changes(version=2)
    async with page(replica) as team:
        assert [told.name for told in await team.rest()] == ["hello", ""]


async def test_a_stream_ends_with_its_session_and_no_other_does(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "AT_ONCE", 1)
    ours, theirs = "0a" * 32, "0b" * 32

    async def alive(keys: Collection[bytes]) -> set[bytes]:
        return set(keys) - {bytes.fromhex(ours)}

    async with page(replica, session=ours) as ended, page(replica, session=theirs) as goes_on:
        assert (await ended.next()).name == (await goes_on.next()).name == "hello"
        await replica.hub.end_sessions(alive)
        assert await ended.rest() == [], "It is not told to come back: it would not be let in."
        assert not goes_on.stream.ended.is_set()


async def test_a_stream_ends_after_some_minutes_whatever_there_is_to_tell(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has left the team meanwhile has to ask again, and is not let in."""
    monkeypatch.setattr(live, "STREAM_SECONDS", IN_A_MOMENT)
    async with page(replica) as team:
        hello, goodbye = await team.rest()
    assert hello.name == "hello"
    assert goodbye.retry < 2_000, "Alone, it may come back soon."


async def test_pages_that_came_together_do_not_come_back_together(replica: Replica) -> None:
    waits = [(await greeting(replica)).retry for _ in range(200)]
    assert max(waits) - min(waits) > 5_000
    assert min(waits) >= 1_000
    lasting = []
    loop = asyncio.get_running_loop()
    for _ in range(50):
        async with page(replica) as one:
            await one.next()
            timers = [timer for timer in loop._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
            lasting.append(max(timer.when() for timer in timers) - loop.time())
    assert 230 < min(lasting) < max(lasting) <= 300
    assert max(lasting) - min(lasting) > 20


async def test_a_stopping_process_lets_its_listeners_go_at_once(replica: Replica, log: Log) -> None:
    async with page(replica) as team:
        await team.next()
        log.say(OPENED)
        await replica.hear()
        replica.stopping.set()
        await asyncio.sleep(0)
        assert await team.rest() == [], "What was not sent is told by another replica."
    async with page(replica) as late:
        assert [told.name for told in await late.rest()] == ["hello"]


async def test_nothing_is_left_of_a_page_that_has_gone(replica: Replica) -> None:
    async with page(replica) as team:
        await team.next()
        assert replica.metrics.registry.get_sample_value("jobwire_sse_clients") == 1
    assert replica.metrics.registry.get_sample_value("jobwire_sse_clients") == 0
    assert not len(replica.hub._streams)
    assert replica.hub._watching is None


# How many.


async def test_a_session_has_so_many_streams_and_no_more(log: Log) -> None:
    replica = Replica(log, live_streams_per_session=1)
    async with page(replica, session="ours") as ours:
        await ours.next()
        with pytest.raises(Problem) as refused:
            replica.hub.admit("ours")
        replica.hub.admit("somebody else's")
    assert (refused.value.status, refused.value.code) == (429, "too_many_streams")
    assert 1 <= int(refused.value.headers["Retry-After"]) <= 10
    replica.hub.admit("ours")


async def test_streams_that_are_asked_for_at_the_same_moment_are_counted_before_they_open(log: Log) -> None:
    replica = Replica(log, live_streams_per_session=3, live_streams=5)
    for _ in range(3):
        replica.hub.admit("ours")
    with pytest.raises(Problem, match="another page"):
        replica.hub.admit("ours")
    for _ in range(2):
        replica.hub.admit("somebody else's")
    with pytest.raises(Problem, match="Too many pages"):
        replica.hub.admit("a third's")
    replica.hub.release(Stream(Listener(), "ours"))
    replica.hub.admit("ours")


async def test_a_process_has_so_many_streams_and_no_more(log: Log) -> None:
    replica = Replica(log, live_streams=1)
    async with page(replica, session="ours") as ours:
        await ours.next()
        with pytest.raises(Problem) as refused:
            replica.hub.admit("somebody else's")
    assert (refused.value.status, refused.value.code) == (503, "try_again")
    assert 1 <= int(refused.value.headers["Retry-After"]) <= 10
