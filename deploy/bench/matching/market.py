"""A market of any size, the same every time: each partner is drawn from a generator of its own, by its number."""

import random
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import NamedTuple
from uuid import UUID

from deploy.bench.inbox.texts import Voice
from deploy.market.firms import read_firms
from services.matching import learning
from shared.contracts.base import Locale, Money, derived_id
from shared.contracts.matching import Evidence, ServiceStanding, StandingChanged
from shared.contracts.partners import Away, Member, Offer, Partner, Preferences, Profile, Role
from shared.contracts.requests import Merchant, Priorities, RequestDetails, RequestKind, merchant_id_of
from shared.taxonomy import SERVICES

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
TODAY = AT.date()
POPULAR = "seo"
"""The service that is measured."""
POPULARITY = 0.205
"""How many offer it. Of 100,000 partners about 20,500, and 15,000 of them are eligible for a request in English."""
UNPUBLISHED, UNAVAILABLE, HIDDEN, AWAY = 0.04, 0.05, 0.04, 0.03
KNOWN = 0.5
"""How many have a standing; the others are newcomers."""
SHORTEST, LONGEST = 200, 400
"""Characters that a partner writes of itself."""
LOCALES = (Locale.EN,) * 6 + (Locale.FR,) * 2 + (Locale.JA,) * 2
ALSO_SPOKEN = {Locale.EN: 0.75, Locale.FR: 0.2, Locale.JA: 0.15}
ASKED_IN = (Locale.EN,) * 8 + (Locale.FR, Locale.JA)
CURRENCIES = {Locale.EN: "USD", Locale.FR: "EUR", Locale.JA: "JPY"}
COUNTRIES = {Locale.EN: "US", Locale.FR: "FR", Locale.JA: "JP"}
YEN = 150
REACHES = ((0.5, 0.5), (1.0, 1.0), (2.0, 1.0))
"""What a decline weighs for a partner's jobs of the same service, and of the same sort."""
_OTHERS = [service for service in SERVICES if service != POPULAR]
_HOW_OFTEN = [1 / (place + 3) for place in range(len(_OTHERS))]
_SYLLABLES = tuple(
    "bacedofiguhajekolimunapequrosituvawexoyuziblecradrigloprustrevu"[at : at + 2] for at in range(0, 62, 2)
)


class Known(NamedTuple):
    """A partner, and its standing if it is no newcomer."""

    partner: Partner
    standing: StandingChanged | None


def partners(count: int, today: date, *, without: str = "") -> Iterator[Known]:
    """So many partners; nobody offers `without`."""
    return (known(number, today, without=without) for number in range(count))


def known(number: int, today: date, *, without: str = "") -> Known:
    draw = _drawing("partner", number)
    partner = Partner(
        version=1,
        partner_id=derived_id("matching bench", number),
        profile=_profile(draw, number, without),
        preferences=_preferences(draw, today),
        members=_members(draw, number),
    )
    standing = _standing(draw, partner, today) if draw.random() < KNOWN else None
    return Known(partner, standing)


def requests(count: int, service: str = POPULAR) -> list[RequestDetails]:
    """No two alike. Eight of ten are in English, which most partners speak."""
    return [_request(_drawing("request", number), number, service) for number in range(count)]


def request_id(number: int) -> UUID:
    return derived_id("matching bench", "request", number)


def about(draw: random.Random, locale: Locale) -> str:
    """What a partner writes of itself: sentences of the invented market's partners, in another order."""
    sentences, glue = _sentences(locale), "" if locale is Locale.JA else " "
    text, wanted = "", draw.randint(SHORTEST + 50, LONGEST - 50)
    while len(text) < wanted:
        text += (glue if text else "") + draw.choice(sentences)
    return text[:LONGEST]


def _drawing(what: str, number: int) -> random.Random:
    return random.Random(f"matching bench 1 {what} {number}")  # noqa: S311 - the same every time, no secret


def _profile(draw: random.Random, number: int, without: str) -> Profile:
    main = draw.choice(LOCALES)
    spoken = [one for one, share in ALSO_SPOKEN.items() if one is not main and draw.random() < share]
    name = _name(draw)
    return Profile(
        slug=f"partner-{number}",
        name=name,
        about=about(draw, main),
        main_language=main,
        languages=tuple(one.value for one in (main, *spoken)),
        country=COUNTRIES[main],
        published=draw.random() >= UNPUBLISHED,
        portfolio=tuple(f"https://{_word(draw)}-{_word(draw)}.example" for _ in range(draw.randint(0, 2))),
        services=tuple(_offer(draw, service, main) for service in _services(draw) if service != without),
    )


def _services(draw: random.Random) -> list[str]:
    """One to five services, three on average."""
    wanted = draw.randint(1, 5)
    chosen = dict.fromkeys([POPULAR] if draw.random() < POPULARITY else [])
    while len(chosen) < wanted:
        chosen |= dict.fromkeys(draw.choices(_OTHERS, _HOW_OFTEN))
    return list(chosen)


def _offer(draw: random.Random, service: str, locale: Locale) -> Offer:
    return Offer(
        service=service,
        price_from=_money(round(min(200 * draw.lognormvariate(1.5, 0.8), 50_000)), locale),
        unit=draw.choice(("project", "project", "project", "hour")),
        lead_days=min(int(draw.expovariate(1 / 10)) + 1, 90),
    )


def _money(dollars: int, locale: Locale) -> Money:
    return Money(amount=Decimal(dollars * YEN if locale is Locale.JA else dollars), currency=CURRENCIES[locale])


def _preferences(draw: random.Random, today: date) -> Preferences:
    away = Away(first_day=today - timedelta(days=3), last_day=today + timedelta(days=draw.randint(0, 20)))
    return Preferences(
        available=draw.random() >= UNAVAILABLE,
        visible=draw.random() >= HIDDEN,
        dropshippers=draw.random() < 0.65,
        away=away if draw.random() < AWAY else None,
        jobs_per_week=draw.randint(3, 20) if draw.random() < 0.4 else None,
        open_jobs=draw.randint(5, 20) if draw.random() < 0.3 else None,
    )


def _members(draw: random.Random, number: int) -> tuple[Member, ...]:
    return tuple(
        Member(
            member_id=derived_id("matching bench", number, place),
            name=_name(draw),
            email=f"member-{place}@partner-{number}.example",
            role=Role.MEMBER if place else Role.OWNER,
            locale=Locale.EN,
        )
        for place in range(draw.choice((1, 1, 2, 3)))
    )


def _standing(draw: random.Random, partner: Partner, today: date) -> StandingChanged:
    """What a partner would have after some months, told a few days ago."""
    counts = {offer.service: _counts(draw) for offer in partner.profile.services}
    replied = sum(one.replied for one in counts.values())
    week = {today - timedelta(days=age): draw.randint(1, 2) for age in draw.sample(range(8), 3)}
    return StandingChanged(
        partner_id=partner.partner_id,
        version=1 + replied,
        services=counts,
        open_jobs=draw.randint(0, 8),
        received_on=week,
        as_of=today - timedelta(days=draw.randint(0, 20)),
        exposure=round(draw.expovariate(1 / 8), 4),
        evidence=tuple(one for service, count in counts.items() for one in _evidence(draw, service, count)),
    )


def _counts(draw: random.Random) -> ServiceStanding:
    replied, declined, expired = draw.randint(0, 25), draw.randint(0, 10), draw.choice((0, 0, 0, 1, 3))
    reviews = draw.randint(0, replied // 2)
    return ServiceStanding(
        received=replied + declined + expired,
        replied=replied,
        opened=replied,
        declined=declined,
        expired=expired,
        reply_seconds=round(replied * draw.uniform(2, 50) * 3600, 1),
        reviews=reviews,
        rating_sum=sum(draw.choice((2, 3, 4, 4, 5, 5, 5)) for _ in range(reviews)),
    )


def _evidence(draw: random.Random, service: str, counts: ServiceStanding) -> Iterator[Evidence]:
    """The service's counts, faded, on up to three sorts of job."""
    here, sort = draw.choice(REACHES)
    bands = draw.sample(range(learning.BANDS), draw.randint(1, 3))
    for band in bands:
        accepted, declined, expired = (
            round(one / len(bands) * draw.uniform(0.4, 1), 4)
            for one in (counts.replied, counts.declined, counts.expired)
        )
        yield Evidence(
            service=service,
            band=band,
            kind=RequestKind.MATCH if draw.random() < 0.8 else RequestKind.DIRECT,
            accepted=accepted,
            declined=declined,
            expired=expired,
            against=(
                round(declined * 0.4 + 1.5 * expired, 4),
                round(declined * here + 1.5 * expired, 4),
                round(declined * sort + 1.5 * expired, 4),
            ),
        )


def _request(draw: random.Random, number: int, service: str) -> RequestDetails:
    locale = draw.choice(ASKED_IN)
    voice = Voice(draw, locale)
    email = f"merchant-{number}@{voice.shop}.example"
    return RequestDetails(
        kind=RequestKind.MATCH,
        locale=locale,
        merchant=Merchant(merchant_id=merchant_id_of(email), name=voice.name, email=email),
        business=voice.says("business", 1, 3),
        service=service,
        title=voice.title(),
        requirements=voice.says("wants", 4, 6),
        budget=_money(draw.randrange(300, 9_000, 50), locale) if draw.random() < 0.7 else None,
        priorities=Priorities(time=draw.randint(0, 5), cost=draw.randint(0, 5), quality=draw.randint(0, 5)),
    )


def _name(draw: random.Random) -> str:
    """Names are what a real market's vocabulary is full of: nearly everybody has one that nobody else has."""
    return f"{_word(draw)} {_word(draw)}".title()


def _word(draw: random.Random) -> str:
    return "".join(draw.choices(_SYLLABLES, k=draw.randint(2, 4)))


@cache
def _sentences(locale: Locale) -> Sequence[str]:
    firms = (firm.about for firm in read_firms() if firm.language == locale.value)
    return [one.strip() for text in firms for one in re.split(r"(?<=[.!?])\s+|(?<=[。！？])", text) if one.strip()]
