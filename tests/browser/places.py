"""Every public page, and how a person gets there."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from shared.contracts.base import Locale
from tests.browser.public_site import AWAY, IDLE, LENGTHY, STUDIO, Site

if TYPE_CHECKING:
    from playwright.async_api import Page

BUTTON = "main form[method=post] button"
NOBODY = UUID(int=7)


@dataclass
class Visit:
    """Somebody who reads this language, in this tab."""

    page: "Page"
    site: Site
    locale: Locale

    async def go(self, path: str, service: str = "leads") -> None:
        await self.page.goto(self.site.url(service, path.format(locale=self.locale)))

    async def follow(self, what: str, service: str = "leads") -> None:
        await self.go(self.site.links[what, self.locale], service)

    async def press(self, which: str = BUTTON) -> None:
        async with self.page.expect_navigation():
            await self.page.click(which)

    async def fill_in(self, **more: str) -> None:
        """A request, with what all four forms ask for."""
        usual = {"title": "Spring launch", "requirements": "Be found.", "name": "Mia", "business": "Tea and thread."}
        for name, text in {**usual, "email": f"typed@{self.locale}.example", **more}.items():
            await self.page.fill(f"#{name}", text)
        await self.page.select_option("#service", "seo")


@dataclass(frozen=True)
class Place:
    name: str
    reach: Callable[[Visit], Awaitable[None]]
    status: int = 200
    language: Locale | None = None
    """Of a page that has one language only."""


def _at(name: str, path: str, status: int = 200, service: str = "leads", language: Locale | None = None) -> Place:
    return Place(name, lambda visit: visit.go(path, service), status, language)


FORMS = {
    "a merchant's form": "/{locale}/requests/new",
    "a merchant's form for one partner": "/{locale}/requests/new?partner=ada",
    "a prospect's form": "/{locale}/prospects/new",
    "a prospect's form for one partner": "/{locale}/contact?partner=ada",
    "a merchant's form in a frame": "/{locale}/embed/match",
    "a prospect's form in a frame": "/{locale}/embed/lead",
}
FILTERED = (
    "/{locale}/partners?q=%E3%81%AE&service=seo&language=ja&country=JP&price=2000&currency=USD&rating=4&within=48"
)


def _wrong(name: str, path: str) -> Place:
    async def reach(visit: Visit) -> None:
        await visit.go(path)
        await visit.page.fill("#budget_amount", "lots")
        await visit.press()

    return Place(f"{name}, with errors", reach, 422)


def _sent(name: str, path: str) -> Place:
    async def reach(visit: Visit) -> None:
        await visit.go(path)
        await visit.fill_in(**({"store_url": "kettle.example"} if "merchant" in name else {"phone": ""}))
        await visit.press()

    return Place(f"{name}, sent", reach, 202)


def _pressed(name: str, what: str, service: str = "leads", *, times: int = 1, status: int = 200) -> Place:
    async def reach(visit: Visit) -> None:
        await visit.follow(what, service)
        for _ in range(times):
            await visit.press()

    return Place(name, reach, status)


async def _unfolded(visit: Visit) -> None:
    await visit.go(FILTERED)
    await visit.page.click("summary")


async def _helped_already(visit: Visit) -> None:
    await visit.follow("helped")
    await visit.press()


async def _review_with_errors(visit: Visit) -> None:
    await visit.follow("review")
    await visit.press()


async def _reviewed(visit: Visit) -> None:
    await visit.follow("review")
    await visit.page.check("#rating-4")
    await visit.page.fill("#text", "Good work.")
    await visit.press()


async def _a_link_is_sent(visit: Visit) -> None:
    await visit.go("/{locale}/sign-in", "gateway")
    await visit.page.fill("#email", "nobody@known.example")
    await visit.press()


async def _used_sign_in(visit: Visit) -> None:
    await visit.go("/{locale}/sign-in?token=x", "gateway")
    await visit.press()


async def _bad_confirm(visit: Visit) -> None:
    await visit.go(f"/{{locale}}/requests/{NOBODY}/confirm?token=x")
    await visit.press()


DIRECTORY = [
    _at("the directory", "/{locale}/partners"),
    _at("the directory, page 2", "/{locale}/partners?page=2"),
    _at("the directory, filtered", FILTERED),
    Place("the directory, its filters unfolded", _unfolded),
    _at("the directory, a price that is none", "/{locale}/partners?price=x"),
    _at("the directory, nobody found", "/{locale}/partners?q=nobody&price=1&currency=EUR&per=hour"),
    _at("a profile with reviews", f"/{{locale}}/partners/{STUDIO.profile.slug}"),
    _at("a profile, older reviews", f"/{{locale}}/partners/{STUDIO.profile.slug}?reviews=2"),
    _at("a newcomer's profile", "/{locale}/partners/ada"),
    _at("a profile of somebody away", f"/{{locale}}/partners/{AWAY.profile.slug}"),
    _at("a profile without services", f"/{{locale}}/partners/{IDLE.profile.slug}"),
    _at("a profile with long words", f"/{{locale}}/partners/{LENGTHY.profile.slug}"),
    _at("no such profile", "/{locale}/partners/nobody", 404),
]
ASKING = [
    *(_at(name, path) for name, path in FORMS.items()),
    *(_wrong(name, path) for name, path in FORMS.items()),
    *(_sent(name, path) for name, path in FORMS.items() if "one partner" not in name),
    _at("a merchant's form for somebody gone", "/{locale}/requests/new?partner=nobody", 404),
    _at("a prospect's form for somebody gone", "/{locale}/contact?partner=nobody", 404),
]
LINKED = [
    Place("confirm", lambda visit: visit.follow("confirm a match")),
    _pressed("confirmed, by a merchant", "confirm a match"),
    _pressed("confirmed, by a prospect", "confirm a lead"),
    _pressed("confirmed, for one partner", "confirm a contact"),
    Place("confirm, a link that is not good", _bad_confirm, 400),
    Place("is somebody helping?", lambda visit: visit.follow("helped")),
    _pressed("somebody is helping", "helped"),
    _at("helped, a link that is not good", f"/{{locale}}/requests/{NOBODY}/helped?token=x", 400),
    Place("a review to write", lambda visit: visit.follow("review")),
    Place("a review with errors", _review_with_errors, 422),
    Place("a review sent", _reviewed),
    Place("a review sent before", lambda visit: visit.follow("review")),
    _at("a review, a link that is not good", f"/{{locale}}/leads/{NOBODY}/review?token=x", 400),
]
"""In this order: a link that is used up shows another page."""
GATEWAY = [
    _at("asking for a link", "/{locale}/sign-in", service="gateway"),
    Place("a link is on its way", _a_link_is_sent, 202),
    Place("signing in", lambda visit: visit.follow("sign in", "gateway")),
    _pressed("signed in", "sign in", "gateway"),
    Place("sign in, a link that is not good", _used_sign_in, 401),
    Place("unsubscribe", lambda visit: visit.follow("unsubscribe", "gateway")),
    _pressed("unsubscribed", "unsubscribe", "gateway"),
    _pressed("mails wanted again", "unsubscribe", "gateway", times=2),
    _at("unsubscribe, a link that is not good", "/unsubscribe?token=x", 400, "gateway", Locale.EN),
]
