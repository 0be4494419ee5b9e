"""What somebody looks for in the directory, as the query string says it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from services.leads.amounts import typed_amount
from shared.contracts.base import Currency, Locale
from shared.contracts.partners import Country, Language, Offer, Unit
from shared.doors import AMOUNT, plain_amount
from shared.taxonomy import ServiceKey

LONGEST = 200
USUAL_CURRENCY = {Locale.EN: "USD", Locale.FR: "EUR", Locale.JA: "JPY"}


class Filters(BaseModel):
    """All of them must hold. A partner whose price, rating or reply time is not known does not pass a filter on it."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    q: Annotated[str, Field(max_length=LONGEST, description="Words in the name, the description or the services.")] = ""
    service: ServiceKey | None = None
    language: Language | None = None
    country: Country | None = None
    price: Annotated[
        Decimal | None,
        BeforeValidator(lambda price: price if price is None else plain_amount(price)),
        Field(
            ge=0,
            max_digits=12,
            decimal_places=2,
            json_schema_extra={"anyOf": [{"type": "string", "pattern": AMOUNT}, {"type": "null"}]},
            description="The highest price to start from, in `currency`. Prices in other currencies are not converted: "
            "partners who have no others are left out. With `service`, the price of that service.",
        ),
    ] = None
    currency: Annotated[Currency | None, Field(validate_default=True)] = None
    per: Annotated[Unit | None, Field(description="Compare `price` only with prices per this unit.")] = None
    rating: Annotated[float | None, Field(ge=1, le=5, description="The lowest mean rating.")] = None
    within: Annotated[
        int | None, Field(ge=1, le=720, description="The longest typical time to a first reply, in hours.")
    ] = None
    page: Annotated[int, Field(ge=1, le=10_000)] = 1

    @field_validator("currency")
    @classmethod
    def _named(cls, currency: str | None, info: ValidationInfo) -> str | None:
        if currency is None and info.data.get("price") is not None:
            raise ValueError("Name the currency of the price.")
        return currency

    @property
    def narrowing(self) -> list[str]:
        """The names of the filters that are set, but for the words."""
        return [name for name in _NARROWING if getattr(self, name) is not None]

    def wants(self, offer: Offer) -> bool:
        """Whether this offer is what is looked for."""
        price = offer.price_from
        return self.service in (None, offer.service) and (
            self.price is None
            or (self.currency == price.currency and self.price >= price.amount and self.per in (None, offer.unit))
        )

    def query(self, **changes: Any) -> str:
        """The query string, with `?`, that says the same; empty for no filter at all."""
        filters = self.model_copy(update=changes)
        said = {name: getattr(filters, name) for name in ("q", *_NARROWING) if getattr(filters, name) not in (None, "")}
        if filters.price is not None:
            said |= {"currency": filters.currency, **({"per": filters.per} if filters.per else {})}
        if filters.page > 1:
            said["page"] = filters.page
        return f"?{urlencode(said)}" if said else ""


_NARROWING = ("service", "language", "country", "price", "rating", "within")


def from_query(query: Mapping[str, str], locale: Locale) -> tuple[Filters, set[str]]:
    """The filters of a page's address, and the names of those that were not understood and are left out. An empty
    field of the form is no filter; a number is read as people of this language write it.
    """
    given = {name: query[name] for name in Filters.model_fields if query.get(name, "").strip()}
    given["q"] = given.get("q", "")[:LONGEST]
    given["currency"] = given.get("currency") or USUAL_CURRENCY[locale]
    if "price" in given:
        given["price"] = typed_amount(given["price"], locale)
    try:
        return Filters.model_validate(given), set()
    except ValidationError as error:
        wrong = {str(each["loc"][0]) for each in error.errors()}
    if "currency" in wrong:  # no price is compared in another currency than the one that was meant
        given["currency"] = USUAL_CURRENCY[locale]
        wrong.add("price")
    rest = {name: value for name, value in given.items() if name not in wrong - {"currency"}}
    return Filters.model_validate(rest), wrong
