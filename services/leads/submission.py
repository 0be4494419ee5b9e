"""What a form or a JSON body must hold to become a request. The doors to the outside check more strictly than records
do.
"""

import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from babel.numbers import NumberFormatError, parse_decimal
from pydantic import BaseModel, BeforeValidator, Field

from shared.contracts.base import Line, Locale, Money, Text, WebUrl
from shared.contracts.requests import (
    Merchant,
    Priorities,
    RequestDetails,
    RequestKind,
    merchant_id_of,
)
from shared.doors import Address
from shared.taxonomy import ServiceKey


def _with_scheme(value: object) -> object:
    """People type `shop.example`; they mean the secure address."""
    if isinstance(value, str) and value.strip() and "://" not in value:
        return f"https://{value.strip()}"
    return value.strip() if isinstance(value, str) else value


class NewMerchant(BaseModel):
    name: Line
    email: Address
    store_url: Annotated[WebUrl, BeforeValidator(_with_scheme)]


class NewRequest(BaseModel):
    """The body of `POST /api/v1/requests`."""

    kind: RequestKind
    locale: Locale
    merchant: NewMerchant
    business: Text
    service: ServiceKey
    title: Line
    requirements: Text
    budget: Money | None = None
    priorities: Priorities = Field(default_factory=Priorities)
    partner_id: UUID | None = None
    dropshipping: bool = False

    def details(self) -> RequestDetails:
        email = self.merchant.email
        return RequestDetails(
            **self.model_dump(exclude={"merchant"}),
            merchant=Merchant(
                merchant_id=merchant_id_of(email),
                name=self.merchant.name,
                email=email,
                store_url=self.merchant.store_url,
            ),
        )


def _number(text: str, locale: Locale) -> str:
    """A number as people of this language write it; what is none comes back as it is, for the model to refuse."""
    plain = "".join(unicodedata.normalize("NFKC", text).split())
    try:
        return str(parse_decimal(plain, locale=locale.value, strict=True)) if plain else ""
    except NumberFormatError:
        return plain


def from_form(form: Mapping[str, Any], locale: Locale) -> dict[str, Any]:
    """The flat fields of the HTML form as the nested body, for `NewRequest` to check."""
    amount = _number(str(form.get("budget_amount", "")), locale)
    return {
        "kind": form.get("kind", "match"),
        "locale": locale,
        "merchant": {name: form.get(name, "") for name in ("name", "email", "store_url")},
        "business": form.get("business", ""),
        "service": form.get("service", ""),
        "title": form.get("title", ""),
        "requirements": form.get("requirements", ""),
        "budget": {"amount": amount, "currency": form.get("budget_currency", "USD")} if amount else None,
        "priorities": {name: form.get(f"priority_{name}", 3) for name in ("time", "cost", "quality")},
        "partner_id": form.get("partner_id") or None,
        "dropshipping": form.get("dropshipping") == "on",
    }
