"""A side sees what it may know, and no trace of the rest: no number that moves, no hour, no refusal that differs."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.gateway.read.cursors import cursor_of, words_of
from tests.builders import HOUR, UNDO, an_offer
from tests.flow.people import MERCHANT, Person, a_team, fill_in_the_form, follow, sign_in
from tests.flow.world import Weather, World
from tests.security.sides import alike, seen_by_merchant, seen_by_team, told_live, tried_by_team

OWNER, HELPER = "owner@ada.example", "helper@ada.example"
Act = Callable[["Sides"], Awaitable[Any]]


class Sides:
    """One partner, one merchant, and a job of each sort between them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.jobs: dict[str, str] = {}

    async def open(self) -> None:
        world = self.world
        ada = a_team("Ada", services=(an_offer(),))
        world.register(ada)
        await world.settle()
        for title, by_name in (("matched", ""), ("direct", "ada"), ("replied", ""), ("done", "")):
            await follow(world, await fill_in_the_form(world, title=title, partner=by_name))
            await world.time_passes(HOUR)
        self.owner, self.merchant = await sign_in(world, OWNER), await sign_in(world, MERCHANT)
        self.helper = next(one for one in (await self.owner.get("/team"))["members"] if one["email"] == HELPER)
        found = (await self.owner.get("/jobs"))["jobs"]
        self.jobs = {job["request"]["title"]: job["job_id"] for job in found}
        for title in ("replied", "done"):
            await self.owner.post(self.ours(title, "messages"), {"text": "Good day."})
        await self.merchant.post(self.theirs("replied", "messages"), {"text": "When?"})
        await self.owner.post(self.ours("replied", "messages"), {"text": "On Monday."})
        await self.owner.post(self.ours("done", "complete"))
        await world.time_passes(UNDO)

    def ours(self, job: str, act: str) -> str:
        return f"/jobs/{self.jobs[job]}/{act}"

    def theirs(self, job: str, act: str) -> str:
        return f"/merchant/jobs/{self.jobs[job]}/{act}"

    @property
    def known_to_merchant(self) -> list[str]:
        return [self.jobs[title] for title in ("direct", "replied", "done")]

    async def block(self) -> None:
        partner_id = (await self.owner.get("/partner"))["partner_id"]
        await self.merchant.post(f"/merchant/partners/{partner_id}/block")


@pytest.fixture
async def sides(monkeypatch: pytest.MonkeyPatch) -> Sides:
    one = Sides(World(Weather(), monkeypatch))
    await one.open()
    return one


def _of_the_team(job: str, act: str, body: Any = None) -> Act:
    return lambda sides: sides.owner.post(sides.ours(job, act), body)


async def _aside_and_back(sides: Sides) -> None:
    await sides.owner.post(sides.ours("replied", "inactive"))
    await sides.world.time_passes(UNDO)
    await sides.owner.post(sides.ours("replied", "reactivate"))


async def _undone(sides: Sides) -> None:
    await sides.owner.post(sides.ours("replied", "decline"), {"reason": "timing"})
    await sides.owner.post(sides.ours("replied", "undo"))


async def _assigned(sides: Sides) -> None:
    await sides.owner.put(sides.ours("direct", "assignees"), {"member_ids": [sides.helper["member_id"]]})


async def _reminded(sides: Sides) -> None:
    await sides.world.time_passes(50 * HOUR)
    sides.merchant = await sign_in(sides.world, MERCHANT)


THE_TEAMS_OWN: dict[str, Act] = {
    "a direct request is opened": _of_the_team("direct", "open"),
    "a request is opened of which the merchant knows nobody": _of_the_team("matched", "open"),
    "somebody comments": _of_the_team("replied", "comments", {"text": "Shall we?"}),
    "somebody is assigned": _assigned,
    "a job is put aside and taken up again": _aside_and_back,
    "a job is declined, and that is taken back": _undone,
    "a matched partner declines before it has said a word": _of_the_team("matched", "decline", {"reason": "timing"}),
    "the clock reminds the team": _reminded,
}


@pytest.mark.parametrize("act", THE_TEAMS_OWN)
async def test_what_a_team_does_among_itself_leaves_no_trace_at_the_merchants(sides: Sides, act: str) -> None:
    before = await seen_by_merchant(sides.merchant, sides.known_to_merchant)
    stream_of = sides.merchant
    told = await told_live(stream_of, THE_TEAMS_OWN[act](sides))
    assert told == []
    assert await seen_by_merchant(sides.merchant, sides.known_to_merchant) == before


@pytest.mark.parametrize("job", ["direct", "replied", "done"])
async def test_a_merchant_cannot_ask_how_far_a_job_has_come_inside(sides: Sides, job: str) -> None:
    """`min_version` waits for what is to come; it would tell how many of the team's steps there were."""
    path = f"/merchant/jobs/{sides.jobs[job]}"
    version = (await sides.merchant.get(path))["job"]["version"]
    await sides.owner.post(sides.ours(job, "comments"), {"text": "Among us."})
    await sides.merchant.get(path, min_version=version)
    ahead = await sides.merchant.get(path, expect=503, min_version=version + 1)
    assert ahead["code"] == "catching_up"


async def test_no_cursor_tells_a_merchant_when_a_partner_was_asked_and_none_can_be_made_up_to_ask(sides: Sides) -> None:
    page = await sides.merchant.get("/merchant/jobs", limit=1)
    words = words_of(page["next_cursor"])
    assert words == ["newest", page["jobs"][0]["job_id"]]
    asked = (await sides.owner.get(f"/jobs/{words[1]}"))["job"]["created_at"]
    for made_up in (("newest", asked, words[1]), ("newest", sides.jobs["matched"])):
        await sides.merchant.get("/merchant/jobs", expect=422, cursor=cursor_of(*made_up))


async def test_who_replaces_a_review_is_not_overtaken_by_what_the_team_does_among_itself(sides: Sides) -> None:
    review = {"rating": 4, "text": "Fine."}
    seen = (await sides.merchant.post(sides.theirs("done", "review"), review))["version"]
    await sides.owner.post(sides.ours("done", "comments"), {"text": "Four!"})
    edited = await sides.merchant.put(sides.theirs("done", "review"), {**review, "rating": 5}, seen=seen)
    assert edited["version"] == seen + 1
    late = await sides.merchant.put(sides.theirs("done", "review"), review, seen=seen, expect=412)
    assert late["code"] == "version_mismatch"


async def _ended(sides: Sides) -> None:
    """As a merchant does who has nothing against anybody."""
    for job in ("direct", "replied", "done"):
        await sides.merchant.post(sides.theirs(job, "end"))
    matched = next(
        one for one in (await sides.merchant.get("/merchant/requests"))["requests"] if one["title"] == "matched"
    )
    await sides.merchant.post(f"/merchant/requests/{matched['request_id']}/withdraw")


async def _all_of_it(sides: Sides, act: Act) -> tuple[str, str, str]:
    """What the team is told, sees and gets for what it tries."""
    jobs = list(sides.jobs.values())
    told = await told_live(sides.owner, act(sides))
    order = {job: title for title, job in sides.jobs.items()}
    by_job = sorted(told, key=lambda one: (order[one["job_id"]], one["version"]))
    seen = await seen_by_team(sides.owner, jobs)
    tried = [await tried_by_team(sides.owner, job) for job in jobs]
    return alike(by_job), alike(seen), alike([tried, await seen_by_team(sides.owner, jobs)])


async def test_a_block_looks_to_the_partner_as_an_ordinary_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its jobs at that merchant: one that it has not answered yet, one by name, a conversation, one that is
    done. Nothing it is shown, told or refused tells the two apart.
    """
    told = []
    for act in (_ended, Sides.block):
        sides = Sides(World(Weather(), monkeypatch))
        await sides.open()
        told.append(await _all_of_it(sides, act))
    for ended, blocked in zip(*told, strict=True):
        assert blocked == ended
    assert "block" not in "".join(told[1])


@pytest.mark.parametrize("how", ["declined", "expired", "ended"])
async def test_a_block_of_what_is_over_is_nothing_to_the_partner(sides: Sides, how: str) -> None:
    for job in ("direct", "replied", "done"):
        await sides.merchant.post(sides.theirs(job, "end"))
    if how == "expired":
        await sides.world.time_passes(80 * HOUR)
    else:
        await sides.owner.post(sides.ours("matched", "decline"), {"reason": "timing"})
        await sides.world.time_passes(UNDO)
    owner = await sign_in(sides.world, OWNER)
    sides.owner, sides.merchant = owner, await sign_in(sides.world, MERCHANT)
    jobs = list(sides.jobs.values())
    before = await seen_by_team(owner, jobs)
    assert await told_live(owner, sides.block()) == []
    assert alike(await seen_by_team(owner, jobs)) == alike(before)
    (shown, *_) = (await sides.merchant.get("/merchant/jobs"))["jobs"]
    assert shown["blocked"]


async def test_assigning_the_same_again_does_not_tell_that_something_happened_to_the_partner(sides: Sides) -> None:
    """What is assigned says at which version of the partner its team was seen."""
    await _assigned(sides)
    await sides.merchant.post(sides.theirs("replied", "end"))
    await sides.block()
    before = await seen_by_team(sides.owner, [sides.jobs["direct"]])
    await _assigned(sides)
    assert alike(await seen_by_team(sides.owner, [sides.jobs["direct"]])) == alike(before)


async def test_a_block_closes_no_page_of_the_team(sides: Sides) -> None:
    """A stream that ends at that moment would tell."""
    told = await told_live(sides.owner, _then(sides.block(), sides.owner, sides.ours("done", "comments")))
    assert told[-1]["type"] == "CommentAdded"


async def _then(first: Awaitable[Any], owner: Person, comments: str) -> None:
    await first
    await owner.post(comments, {"text": "Still here."})
