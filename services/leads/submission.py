"""What a form or a JSON body must hold to become a request. The doors to the outside check more strictly than records
do.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from services.leads.amounts import typed_amount
from shared.contracts.base import Line, Locale, Text, WebUrl
from shared.contracts.requests import (
    Merchant,
    Priorities,
    RequestDetails,
    RequestKind,
    merchant_id_of,
)
from shared.doors import Address, GivenMoney, plain_name, reachable
from shared.taxonomy import ServiceKey

_UNSEEN = re.compile("[\u0080-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff\ufff9-\ufffb]")
"""Marks that nobody sees and that turn text around, break lines or hide words. Joiners stay: scripts and emoji need
them."""


def seen(value: object) -> object:
    """Pasted text brings such marks along; they are taken out rather than refused."""
    return _UNSEEN.sub("", value.replace("\r\n", "\n")) if isinstance(value, str) else value


def _with_scheme(value: object) -> object:
    """People type `shop.example`; they mean the secure address."""
    if isinstance(value, str) and value.strip() and "://" not in value:
        return f"https://{value.strip()}"
    return value.strip() if isinstance(value, str) else value


def _half_width(value: object) -> object:
    return unicodedata.normalize("NFKC", value).strip() if isinstance(value, str) else value


SeenLine = Annotated[Line, BeforeValidator(seen)]
SeenText = Annotated[Text, BeforeValidator(seen)]
PlainPhone = Annotated[
    str, StringConstraints(max_length=40, pattern=r"^\+?[0-9(][0-9 ()./‐-―-]{3,}[0-9)]( ?(x|ext\.?) ?[0-9]{1,6})?$")
]
Phone = Annotated[PlainPhone, BeforeValidator(_half_width)]
"""A telephone number as people write it, and nothing else: it goes to partners as it is."""


class NewMerchant(BaseModel):
    name: Annotated[SeenLine, AfterValidator(plain_name)]
    email: Address
    store_url: Annotated[WebUrl | None, BeforeValidator(_with_scheme), AfterValidator(reachable)] = None
    phone: Phone | None = None


def _when(kinds: tuple[RequestKind, ...], then: dict[str, Any]) -> dict[str, Any]:
    return {"if": {"properties": {"kind": {"enum": [kind.value for kind in kinds]}}}, "then": then}


_TEXT, _NOTHING = {"type": "string"}, {"type": "null"}
_KINDS = [
    _when(
        (RequestKind.MATCH, RequestKind.DIRECT),
        {"properties": {"merchant": {"required": ["store_url"], "properties": {"store_url": _TEXT}}}},
    ),
    _when(
        (RequestKind.LEAD, RequestKind.CONTACT),
        {"properties": {"merchant": {"properties": {"store_url": _NOTHING}}}},
    ),
    _when((RequestKind.DIRECT, RequestKind.CONTACT), {"required": ["partner_id"], "properties": {"partner_id": _TEXT}}),
    _when((RequestKind.MATCH, RequestKind.LEAD), {"properties": {"partner_id": _NOTHING}}),
]
"""What each kind needs and has not, for the OpenAPI document. `NewRequest.objections` is the same in Python."""


class NewRequest(BaseModel):
    """A request as it is sent. A merchant (`match`, `direct`) has a store; a prospect (`lead`, `contact`) has none yet,
    and says in `business` what it plans. `direct` and `contact` name the one partner they are for.
    """

    model_config = ConfigDict(json_schema_extra={"allOf": _KINDS})  # type: ignore[dict-item]  # pydantic's JSON type

    kind: RequestKind
    locale: Locale
    merchant: NewMerchant
    business: SeenText
    service: ServiceKey
    title: SeenLine
    requirements: SeenText
    budget: GivenMoney | None = None
    priorities: Priorities = Field(default_factory=Priorities)
    partner_id: UUID | None = None
    dropshipping: bool = False

    def objections(self) -> list[dict[str, str]]:
        """What does not fit the kind, by field."""
        has_store, has_partner = self.merchant.store_url is not None, self.partner_id is not None
        wrong = []
        if has_store and self.kind.is_prospects:
            wrong.append(objection("merchant.store_url", "A prospect has no store; who has one is a merchant."))
        if not has_store and not self.kind.is_prospects:
            wrong.append(objection("merchant.store_url", "A merchant has a store."))
        if has_partner and not self.kind.names_a_partner:
            wrong.append(objection("partner_id", "Who is matched names no partner."))
        if not has_partner and self.kind.names_a_partner:
            wrong.append(objection("partner_id", "Who asks for one partner names it."))
        return wrong

    def details(self) -> RequestDetails:
        email = self.merchant.email
        return RequestDetails(
            **self.model_dump(exclude={"merchant"}),
            merchant=Merchant(merchant_id=merchant_id_of(email), **self.merchant.model_dump()),
        )


def objection(field: str, message: str) -> dict[str, str]:
    return {"field": field, "message": message, "code": "refused"}


def from_form(form: Mapping[str, str], locale: Locale, kind: RequestKind) -> dict[str, Any]:
    """The flat fields of the HTML form as the nested body, for `NewRequest` to check."""
    amount = typed_amount(form.get("budget_amount", ""), locale)
    own = {"phone": form.get("phone") or None} if kind.is_prospects else {"store_url": form.get("store_url", "")}
    return {
        "kind": kind,
        "locale": locale,
        "merchant": {**{name: form.get(name, "") for name in ("name", "email")}, **own},
        "business": form.get("business", ""),
        "service": form.get("service", ""),
        "title": form.get("title", ""),
        "requirements": form.get("requirements", ""),
        "budget": {"amount": amount, "currency": form.get("budget_currency", "USD")} if amount else None,
        "priorities": {name: form.get(f"priority_{name}", 3) for name in ("time", "cost", "quality")},
        "partner_id": form.get("partner_id") or None,
        "dropshipping": form.get("dropshipping") == "on",
    }
