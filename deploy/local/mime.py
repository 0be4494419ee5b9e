"""Decoding mails, also badly made and hostile ones: nothing here raises for what a mail contains."""

import re
from collections.abc import Iterable
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any

Json = dict[str, Any]


def addresses(mail: EmailMessage, header: str) -> list[Json]:
    """Name and address of each person; what cannot be parsed is left out, not an error."""
    try:
        people: Iterable[Address] = getattr(mail[header], "addresses", ())
    except (ValueError, IndexError, AttributeError):  # The standard library's parser on hostile input.
        return []
    return [{"Name": clean(one.display_name), "Address": clean(one.addr_spec)} for one in people]


def text(mail: EmailMessage) -> str:
    return _content(mail.get_body(("plain",)))


def html(mail: EmailMessage) -> str:
    return _content(mail.get_body(("html",)))


def _content(part: Any) -> str:
    if part is None:
        return ""
    try:
        return clean(part.get_content())
    except (LookupError, ValueError):  # A charset that nobody knows.
        return clean((part.get_payload(decode=True) or b"").decode(errors="replace"))


def files(mail: EmailMessage) -> list[Json]:
    return [
        {
            "PartID": str(number),
            "FileName": clean(part.get_filename() or ""),
            "ContentType": part.get_content_type(),
            "ContentID": clean(part.get("Content-ID", "")).strip("<>"),
            "Size": len(part.get_payload(decode=True) or b""),
        }
        for number, part in enumerate(mail.iter_attachments(), start=1)
    ]


def without_tags(html: str) -> str:
    return re.sub(r"<[^>]*>", " ", re.sub(r"(?is)<(style|script|head)\b.*?</\1>", " ", html))


def clean(value: Any) -> str:
    """Undecodable bytes become surrogates in the email package, and those cannot be sent as JSON."""
    return str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
