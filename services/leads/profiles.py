"""Partners as anybody may see them. Pure."""

import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Self
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from services.leads.filters import Filters
from services.leads.ranking import Standing
from shared.contracts.base import Locale, WebUrl
from shared.contracts.partners import Offer

_WEB_URL = TypeAdapter[str](WebUrl)


class Rating(BaseModel):
    mean: float
    reviews: int


class Card(BaseModel):
    """A partner in the list. `reply_seconds` is its typical time to a first reply, over all of its answered jobs."""

    partner_id: UUID
    slug: str
    name: str
    about: str
    main_language: Locale
    languages: tuple[str, ...]
    country: str
    services: tuple[Offer, ...]
    rating: Rating | None
    reply_seconds: int | None
    newcomer: Annotated[bool, Field(description="Has neither reviews nor three answered jobs yet.")]
    available: Annotated[bool, Field(description="Can be contacted now.")]
    takes_leads: Annotated[bool, Field(description="Can be contacted by those who have no store yet, too.")]
    back_on: Annotated[date | None, Field(description="The day on which somebody who is away is back.")]

    @property
    def reply_hours(self) -> int | None:
        """Rounded up: a promise that is kept rather than one that sounds good."""
        return None if self.reply_seconds is None else max(1, math.ceil(self.reply_seconds / 3600))

    def offers_for(self, filters: Filters) -> list[Offer]:
        """The offers, those that were looked for before the others."""
        return sorted(self.services, key=lambda offer: not filters.wants(offer))

    @classmethod
    def of(cls, partner: Mapping[str, Any], standing: Standing, today: date, **more: Any) -> Self:
        reply, mean = standing.typical_reply, standing.rating
        return cls(
            **{name: partner[name] for name in _TOLD},
            **more,
            partner_id=partner["_id"],
            services=tuple(Offer.model_validate(offer) for offer in partner["offers"]),
            rating=None if mean is None else Rating(mean=round(mean, 2), reviews=standing.reviews),
            reply_seconds=None if reply is None else round(reply),
            newcomer=standing.is_newcomers,
            available=is_contactable(partner, today),
            takes_leads=partner.get("takes_leads", True),
            back_on=_back_on(partner, today),
        )


_TOLD = ("slug", "name", "about", "main_language", "languages", "country")


class PublicReview(BaseModel):
    """What somebody said of the partner's work. Who said it is nobody's business but theirs."""

    rating: int
    text: str
    service: str
    locale: Locale
    at: datetime
    edited: bool
    answer: Annotated[str | None, Field(description="What the partner says to it.")]


class Profile(Card):
    """`reviews` are one page of them, the newest first."""

    portfolio: tuple[str, ...]
    reviews: tuple[PublicReview, ...] = ()
    review_page: int = 1
    review_pages: int = 1


def is_contactable(partner: Mapping[str, Any], today: date) -> bool:
    """Published, available, and not away on this day (UTC, as `Preferences.contactable`)."""
    return bool(partner["reachable"]) and not is_away(partner, today)


def is_away(partner: Mapping[str, Any], today: date) -> bool:
    away = partner["away"]
    return away is not None and away["first_day"] <= today.isoformat() <= away["last_day"]


def links_of(portfolio: Iterable[str]) -> tuple[str, ...]:
    """The addresses that a page may link to: http or https, and nothing that hides where it leads."""
    return tuple(url for url in map(str.strip, portfolio) if _is_plain(url))


def shown(url: str) -> str:
    """A link in words: without the scheme, and the bare address of a site without its slash."""
    return url.partition("://")[2].removesuffix("/")


def _is_plain(url: str) -> bool:
    try:
        parts = urlsplit(_WEB_URL.validate_python(url))
        return bool(parts.hostname) and parts.username is None and parts.port != 0
    except (ValidationError, ValueError):
        return False


def _back_on(partner: Mapping[str, Any], today: date) -> date | None:
    if not (partner["reachable"] and is_away(partner, today)):
        return None
    last = date.fromisoformat(partner["away"]["last_day"])
    return last + timedelta(days=1) if last < date.max else None
