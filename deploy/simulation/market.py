"""What everybody can know: partners and what they say of themselves, requests and when they come. Drawn without a look
at the truth, which is drawn around it (`truth.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import exp
from random import Random
from uuid import UUID

from deploy.market.offers import OFFERS, Terms
from deploy.simulation import texts
from deploy.simulation.luck import drawing
from deploy.simulation.nature import Nature
from shared.contracts.base import Locale, Money, derived_id
from shared.contracts.partners import Away, Offer, Partner, Preferences, Profile
from shared.contracts.requests import Merchant, Priorities, RequestDetails, RequestKind, merchant_id_of

START = datetime(2026, 3, 2, tzinfo=UTC)
SERVICES = (
    "store-setup", "theme-customisation", "store-redesign", "migration", "app-development", "speed-optimisation",
    "seo", "email-marketing", "branding", "product-photography",
)  # fmt: skip
LANGUAGES = {Locale.EN: 0.45, Locale.FR: 0.3, Locale.JA: 0.25}
COUNTRY = {Locale.EN: "US", Locale.FR: "FR", Locale.JA: "JP"}
CURRENCY = {Locale.EN: "USD", Locale.FR: "EUR", Locale.JA: "JPY"}
RATE = {"USD": 1.0, "EUR": 0.9, "JPY": 150.0}
"""What a dollar is worth: the market lives with exchange rates, Jobwire does not (DECISIONS 10)."""


@dataclass(frozen=True, slots=True)
class Firm:
    """A partner as it presents itself. `number` counts the partners of the market, `industries` those of its text."""

    number: int
    partner: Partner
    industries: tuple[int, ...]
    joins: datetime

    @property
    def partner_id(self) -> UUID:
        return self.partner.partner_id


@dataclass(frozen=True, slots=True)
class Wish:
    """A request to come. `industry` stands in its text."""

    number: int
    request_id: UUID
    at: datetime
    details: RequestDetails
    industry: int
    withdrawn_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Market:
    seed: int
    nature: Nature
    firms: tuple[Firm, ...]
    wishes: tuple[Wish, ...]

    @property
    def half_time(self) -> datetime:
        return START + timedelta(days=self.nature.days / 2)

    @property
    def ends(self) -> datetime:
        return START + timedelta(days=self.nature.days)


def make_market(seed: int, nature: Nature) -> Market:
    firms = tuple(_firm(seed, number, nature) for number in range(nature.partners))
    return Market(seed, nature, firms, tuple(_wishes(seed, nature, firms)))


def dollars(money: Money) -> float:
    return float(money.amount) / RATE[money.currency]


def terms_of(service: str) -> Terms:
    """What the service usually costs for a whole project, in dollars, and how long it takes."""
    return next(terms for terms in OFFERS[service].terms if terms.unit == "project")


def usual_budget(service: str) -> float:
    """In dollars. Merchants allow for a little more than it costs."""
    return 1.15 * terms_of(service).price


def _firm(seed: int, number: int, nature: Nature) -> Firm:
    draw = drawing(seed, "firm", number)
    main = draw.choices(list(LANGUAGES), list(LANGUAGES.values()))[0]
    others = [one for one in Locale if one is not main and draw.random() < (0.55 if one is Locale.EN else 0.2)]
    industries = tuple(draw.sample(range(len(texts.INDUSTRIES)), 2))
    services = draw.sample(SERVICES, draw.choices((1, 2, 3, 4), (2, 4, 3, 1))[0])
    joins = timedelta(days=nature.days * draw.uniform(0.1, 0.75)) if draw.random() < nature.newcomers else timedelta()
    profile = Profile(
        slug=f"firm-{number}",
        name=f"Firm {number}",
        about=texts.about(services, industries, main),
        main_language=main,
        languages=(main.value, *(one.value for one in others)),
        country=COUNTRY[main],
        published=True,
        services=tuple(_offers(draw, services, CURRENCY[main], nature)),
    )
    preferences = _preferences(draw, nature)
    partner_id = derived_id("simulated partner", seed, number)
    partner = Partner(partner_id=partner_id, profile=profile, preferences=preferences, members=(), version=1)
    return Firm(number, partner, industries, START + joins)


def _offers(draw: Random, services: Sequence[str], currency: str, nature: Nature) -> list[Offer]:
    level = exp(draw.gauss(0, nature.price_spread))
    pace = exp(draw.gauss(0, nature.lead_spread))
    offers = []
    for service in services:
        terms = terms_of(service)
        price = _money(terms.price * level * draw.uniform(0.9, 1.1), currency)
        lead = max(1, round(terms.lead_days * pace * draw.uniform(0.8, 1.2)))
        offers.append(Offer(service=service, price_from=price, unit="project", lead_days=lead))
    return offers


def _preferences(draw: Random, nature: Nature) -> Preferences:
    week = draw.randint(4, 15)
    away = None
    if draw.random() < nature.announced_holidays:
        first = (START + timedelta(days=draw.uniform(0, nature.days))).date()
        away = Away(first_day=first, last_day=first + timedelta(days=draw.randint(*nature.holiday)))
    return Preferences(
        dropshippers=draw.random() >= nature.no_dropshipping,
        jobs_per_week=week if draw.random() < nature.limited else None,
        away=away,
    )


def _money(in_dollars: float, currency: str) -> Money:
    """As people state it: in steps of 50, or of 5,000 yen."""
    step = 5_000 if currency == "JPY" else 50
    amount = max(round(in_dollars * RATE[currency] / step), 1) * step
    return Money(amount=Decimal(amount), currency=currency)


def _wishes(seed: int, nature: Nature, firms: Sequence[Firm]) -> list[Wish]:
    draw = drawing(seed, "arrivals")
    at, wishes = START, list[Wish]()
    while True:
        at += timedelta(days=draw.expovariate(nature.requests_a_day))
        if at >= START + timedelta(days=nature.days):
            return wishes
        wishes.append(_wish(seed, len(wishes), at, nature, firms))


def _wish(seed: int, number: int, at: datetime, nature: Nature, firms: Sequence[Firm]) -> Wish:
    draw = drawing(seed, "wish", number)
    locale = draw.choices(list(LANGUAGES), list(LANGUAGES.values()))[0]
    service, industry = draw.choice(SERVICES), draw.randrange(len(texts.INDUSTRIES))
    dropshipping = draw.random() < nature.dropships
    named = _named(draw, service, locale, at, firms) if draw.random() < nature.direct else None
    email = f"merchant-{number}@simulation.example"
    details = RequestDetails(
        kind=RequestKind.DIRECT if named else RequestKind.MATCH,
        locale=locale,
        merchant=Merchant(merchant_id=merchant_id_of(email), name=f"Merchant {number}", email=email),
        business=texts.business(industry, locale),
        service=service,
        title=texts.title(service, locale),
        requirements=texts.requirements(service, industry, locale, dropshipping=dropshipping),
        budget=_budget(draw, service, locale, nature),
        priorities=Priorities(time=draw.randint(0, 5), cost=draw.randint(0, 5), quality=draw.randint(1, 5)),
        partner_id=named,
        dropshipping=dropshipping,
    )
    wish = Wish(number, derived_id("simulated request", seed, number), at, details, industry)
    if draw.random() < nature.withdrawn:
        return replace(wish, withdrawn_at=at + timedelta(hours=draw.uniform(2, 40)))
    return wish


def _named(draw: Random, service: str, locale: Locale, at: datetime, firms: Sequence[Firm]) -> UUID | None:
    """Somebody whose profile fits: whoever asks by name has read it."""
    fitting = [
        firm.partner_id
        for firm in firms
        if firm.joins <= at and locale.value in firm.partner.profile.languages and firm.partner.offer(service)
    ]
    return draw.choice(fitting) if fitting else None


def _budget(draw: Random, service: str, locale: Locale, nature: Nature) -> Money | None:
    if draw.random() < nature.no_budget:
        return None
    return _money(usual_budget(service) * exp(draw.gauss(0, nature.budget_spread)), CURRENCY[locale])
