"""What doors to the outside take, checked before it is brought into the form that records hold. Each type says all of
it in the API's document.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, get_args, get_origin
from urllib.parse import urlsplit

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from shared.contracts.base import Line, Money, Reason, Text
from shared.contracts.partners import Because


def _canonical(email: str) -> str:
    """The address as any mail server takes it. Raises ValueError for what is none, or needs SMTPUTF8."""
    try:
        found = validate_email(email, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    return found.ascii_email or found.normalized


_BLANK = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""What `str.strip` takes away, written out: JSON Schema's `\\s` is JavaScript's, pydantic's is Rust's."""


def _as_sent(text: Any) -> StringConstraints:
    """The rules of a contract's text for the moment before it is stripped, so that they can stand in a document."""
    rules = get_args(text)[1]
    never = str(rules.pattern).removeprefix("^[^").removesuffix("]+$")
    blanks, first, last = f"[{_BLANK}]*", f"[^{never}{_BLANK}]", f"([^{never}]*[^{never}{_BLANK}])?"
    return StringConstraints(min_length=1, max_length=rules.max_length, pattern=f"^{blanks}{first}{last}{blanks}$")


def plain_amount(amount: Any) -> Any:
    """Decimal takes more than people write: exponents, underscores, digits of any script."""
    if isinstance(amount, bool) or (isinstance(amount, str) and not re.fullmatch(AMOUNT, amount)):
        raise PydanticCustomError("decimal_parsing", "Write the amount as 1234.50 or 1234.")
    return amount


YEAR_BACK, YEARS_AHEAD = timedelta(days=366), timedelta(days=5 * 366)


def far_days(today: date, days: Mapping[str, date]) -> list[dict[str, str]]:
    """What to say of days that nobody plans with: more than a year ago, or more than five years ahead. `days` are by
    field.
    """
    sentence = "Name a day between a year ago and five years from now."
    return [
        {"field": field, "message": sentence, "code": "far_day"}
        for field, day in days.items()
        if not today - YEAR_BACK <= day <= today + YEARS_AHEAD
    ]


def reachable(value: str | None) -> str | None:
    """A web address that others can open: a host with a name, and nobody's name before it. Raises ValueError."""
    if value is not None:
        url = urlsplit(value)
        if url.username is not None or "." not in (url.hostname or "").strip("."):
            raise ValueError("This is no web address.")
        _ = url.port  # raises ValueError when it is no number
    return value


AMOUNT = r"^[0-9]{1,10}(\.[0-9]{1,2})?$"
_AMOUNTS = [
    {"type": "number", "minimum": 0, "maximum": 9_999_999_999.99, "multipleOf": 0.01},
    {"type": "string", "pattern": AMOUNT},
]
_NAMES = "|".join("".join(f"[{c}{c.upper()}]" for c in name) for name in SPECIAL_USE_DOMAIN_NAMES if "." not in name)
_EMAIL = {"format": "email", "not": {"pattern": rf"[@.]({_NAMES})$"}}

Address = Annotated[str, Field(max_length=254, json_schema_extra=_EMAIL), AfterValidator(_canonical)]
"""An e-mail address. Reserved names reach nobody."""

GivenLine = Annotated[str, _as_sent(Line), AfterValidator(str.strip)]
_TOP_LEVEL = (
    "com|net|org|info|biz|xyz|shop|store|online|site|website|app|dev|web|blog|cloud|tech|agency|studio|design|work|works|"
    "click|link|live|help|support|page|link|club|life|world|today|email|pro|name|mobi|asia|icu|vip|top|gmbh|inc|ltd"
)
_CONTACT = re.compile(
    rf"""://|\bwww\.|@|[a-z0-9-]{{2,}}\.(?:[a-z]{{2}}|{_TOP_LEVEL}|xn--[a-z0-9-]+)(?=$|[\s/,;:!?)\]'"])"""
    r"|(?:\d[\s./()-]*){7,}",
    re.IGNORECASE,
)
"""A web address, an e-mail address or a telephone number: a country or a common ending behind a dot, or seven digits
and more.
"""
_UNSEEN_IN_NAMES = re.compile("[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")


def plain_name(name: str) -> str:
    """A name that calls somebody something and leads nowhere: it stands in mails to strangers. Raises ValueError."""
    folded = unicodedata.normalize("NFKC", name).replace("\u3002", ".").replace("\uff61", ".")
    if _UNSEEN_IN_NAMES.search(name):
        raise PydanticCustomError("name_unseen", "A name holds no invisible marks.")
    if _CONTACT.search(folded):
        raise PydanticCustomError("name_contact", "A name holds no web address, e-mail address or telephone number.")
    return name


GivenName = Annotated[str, _as_sent(Line), AfterValidator(str.strip), AfterValidator(plain_name)]
"""What somebody or an organisation is called."""
GivenText = Annotated[str, _as_sent(Text), AfterValidator(str.strip)]
GivenReason = Annotated[str, _as_sent(Reason), AfterValidator(str.strip)]
GivenBecause = Annotated[str, _as_sent(Because), AfterValidator(str.strip)]
GivenNote = Annotated[
    str, StringConstraints(max_length=1000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]*$")
]
"""As a text, and may be empty."""

GivenUrl = Annotated[
    str,
    StringConstraints(
        max_length=300,
        pattern=rf"^https?://[^{_BLANK}\x00-\x1f\x7f/?#\"<>]+(/[^{_BLANK}\x00-\x1f\x7f\"<>]*)?$",
    ),
]


class Body(BaseModel):
    """What a door takes as JSON, as its document says: no text for a number, no number for a day or for yes."""

    @field_validator("*", mode="before")
    @classmethod
    def _of_its_type(cls, value: Any, info: ValidationInfo) -> Any:
        types = _types_of(cls.model_fields[str(info.field_name)].annotation)
        if int in types and (isinstance(value, bool | str)):
            raise PydanticCustomError("int_type", "Input should be a valid integer")
        if bool in types and not isinstance(value, bool):
            raise PydanticCustomError("bool_type", "Input should be a valid boolean")
        if date in types and not (isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value)):
            raise PydanticCustomError("date_type", "Input should be a valid date")
        return value


def _types_of(annotation: Any) -> set[Any]:
    """The type, or those of a union."""
    return {annotation, *(get_args(one)[0] if get_origin(one) is Annotated else one for one in get_args(annotation))}


class GivenMoney(Body, Money):
    amount: Annotated[
        Decimal,
        Field(ge=0, max_digits=12, decimal_places=2, json_schema_extra={"anyOf": _AMOUNTS}),
        BeforeValidator(plain_amount),
        PlainSerializer(str, return_type=str, when_used="always"),
    ]
