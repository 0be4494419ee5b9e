"""A market to look at, behind real HTTP: partners of every kind, and for each language every link that a mail has."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import cycle
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from shared.contracts.base import Locale, derived_id
from shared.contracts.leads import AskLeadReview, lead_id_of
from shared.contracts.partners import Away
from shared.contracts.requests import RequestKind
from shared.links import Links
from shared.publisher import outgoing
from shared.taxonomy import SERVICES
from shared.topics import LEAD_COMMANDS
from tests.api.served import Served, served
from tests.builders import BY_PARTNER, HOUR, NOW, a_command, an_offer
from tests.flow.people import MARKET, a_team, fill_in, follow
from tests.flow.world import Weather, World
from tests.leads.markets import Market, a_review, a_standing

UNITS = ("hour", "month", "item", "project")
STUDIO = a_team(
    "Studio",
    Locale.JA,
    languages=("ja", "en", "fr"),
    country="JP",
    about="紅茶のお店の制作と運用を、企画から公開後の改善までお手伝いします。\n\nご相談はお気軽にどうぞ。",
    services=[an_offer(service, unit=unit) for service, unit in zip(SERVICES, cycle(UNITS), strict=False)],
    portfolio=("https://shop.example/", f"https://shop.example/{'a-long-address-without-end/' * 6}"),
)
AWAY = a_team("Away", away=Away(first_day=NOW.date() - timedelta(days=1), last_day=NOW.date() + timedelta(days=9)))
IDLE = a_team("Idle", services=())
LENGTHY = a_team(
    "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerk",
    slug="lengthy",
    about="Markenbekanntheitssteigerungsmaßnahmenpaketverzeichnis " * 9,
)
CROWD = [a_team(f"P{number}") for number in range(20)]


@dataclass
class Site:
    """What is served where, and the mailed links by what they are for and their reader's language."""

    served: Served
    links: dict[tuple[str, Locale], str] = field(default_factory=dict)

    @property
    def world(self) -> World:
        return self.served.world

    @property
    def origins(self) -> list[str]:
        return list(self.served.urls.values())

    def url(self, service: str, path: str) -> str:
        return self.served.urls[service] + path


@contextmanager
def opened() -> Iterator[Site]:
    with pytest.MonkeyPatch.context() as patch:
        # A browser types faster than people do, and all of it comes from one network.
        world = World(Weather(), patch, form_seconds=(0, 86400), limit_network="9999/hour", limit_address="99/hour")
        with served(world) as running:
            site = Site(running)
            running.run(_populate(site))
            yield site


async def _populate(site: Site) -> None:
    world = site.world
    world.register(*MARKET, STUDIO, AWAY, IDLE, LENGTHY, *CROWD)
    await world.settle()
    reviewed = {"partner_id": STUDIO.partner_id}
    reviews = [
        a_review(number, 1 + number % 5, f"Review {number}.\n\nIt went well.", at=NOW + number * HOUR, **reviewed)
        for number in range(25)
    ]
    french = a_review(
        99,
        text="Très bien.",
        at=NOW + 99 * HOUR,
        about={"locale": "fr"},
        answer="ありがとうございます。",
        edited_at=NOW,
        **reviewed,
    )
    standing = a_standing(STUDIO.partner_id, replied=26, reply_seconds=26 * 40000.0, rated=(4,) * 26)
    await Market(world.services["leads"].database).tell(standing, *reviews, french)
    for locale in Locale:
        await _mailed(site, locale)


async def _mailed(site: Site, locale: Locale) -> None:
    """Every link that a mail of this language has: those that a browser shall press are not used up yet."""
    world, links = site.world, site.links
    ada = MARKET[0]
    forms = {
        RequestKind.MATCH: "requests/new",
        RequestKind.LEAD: "prospects/new",
        RequestKind.CONTACT: f"contact?partner={ada.profile.slug}",
    }
    for kind, path in forms.items():
        mail = await fill_in(world, f"/{locale}/{path}", email=f"{kind}@{locale}.example")
        links[f"confirm a {kind}", locale] = _path(mail.link)
    mail = await fill_in(world, f"/{locale}/requests/new", email=f"stays@{locale}.example")
    links["stays unconfirmed", locale] = _path(mail.link)

    prospect = f"helped@{locale}.example"
    await follow(world, await fill_in(world, f"/{locale}/prospects/new", email=prospect))
    links["helped", locale] = _path(_link(world, prospect, "/helped?token="))

    prospect = f"reviewer@{locale}.example"
    confirm = await fill_in(world, f"/{locale}/contact?partner={ada.profile.slug}", email=prospect)
    await follow(world, confirm)
    request_id = confirm.link.partition("/requests/")[2].partition("/")[0]
    actor = BY_PARTNER.model_copy(update={"partner_id": ada.partner_id})
    lead_id = lead_id_of(UUID(request_id), ada.partner_id)
    world.log.append(outgoing(LEAD_COMMANDS.name, a_command(AskLeadReview(actor=actor), lead_id)))
    await world.settle()
    links["review", locale] = _path(_link(world, prospect, "/review?token="))

    member = MARKET[0].members[0].email
    await world.asked(world.client("gateway").post("/api/v1/sign-in", json={"email": member}))
    links["sign in", locale] = f"/{locale}/sign-in?token={world.mailbox.last(member, '/sign-in?token=').token}"

    claims = {"email": member, "topic": "mentions", "locale": locale.value}
    token = Links(world.settings).sign("unsubscribe", derived_id("address", member), claims)
    links["unsubscribe", locale] = f"/unsubscribe?token={token}"


def _link(world: World, to: str, which: str) -> str:
    mail = world.mailbox.last(to, which)
    return next(word for word in mail.text.split() if word.startswith("http") and which in word)


def _path(link: str) -> str:
    """An address of the world's own hosts, where it is served."""
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}"
