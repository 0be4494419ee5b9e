"""A mail's words and its secret link, at the moment of sending."""

from collections.abc import Callable, Mapping
from datetime import datetime
from email.headerregistry import HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, Policy
from email.utils import format_datetime, parseaddr
from pathlib import Path

from jinja2 import Template
from mjml import mjml2html

from services.notifications.envelope import (
    ADDRESS_LINK,
    CONFIRM_LINK,
    DIRECTORY_LINK,
    HELPED_LINK,
    INVITATION_LINK,
    LEAD_REVIEW_LINK,
    MERCHANT_LINK,
    PROFILE_LINK,
    REQUESTED_LINK,
    Mail,
)
from services.notifications.fitting import fitted
from services.notifications.kinds import kind_of
from services.notifications.words import Values
from shared.contracts.base import derived_id
from shared.contracts.requests import merchant_id_of
from shared.i18n import environment
from shared.links import Links, Purpose
from shared.settings import Settings

TEMPLATES = Path(__file__).parent / "templates"

_SIGNED: Mapping[str, tuple[str, str, Purpose]] = {
    CONFIRM_LINK: ("requests", "confirm", "confirm-request"),
    HELPED_LINK: ("requests", "helped", "helped"),
    LEAD_REVIEW_LINK: ("leads", "review", "lead-review"),
}
"""Links that act for whoever asked: what they are about, the page, and what the token is good for."""


class OneLine(UnstructuredHeader):
    """A header with one long address in it. Python's own would break it into encoded words, which nobody can follow."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"  # type: ignore[attr-defined]  # from the registry's base class


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", OneLine)  # type: ignore[arg-type]  # the registry adds the base class
_POLICY = SMTP.clone(header_factory=_HEADERS)


class Composer:
    def __init__(self, settings: Settings, links: Links) -> None:
        self._settings = settings
        self._links = links
        self._domain = parseaddr(settings.mail_from)[1].rpartition("@")[2] or "jobwire.example"

    def compose(self, mail: Mail, now: datetime) -> EmailMessage:
        """The message, of a bounded size and with the same Message-ID on every attempt. Header values with line breaks
        raise ValueError (the policy's doing).
        """
        mail = fitted(mail, whole=kind_of(mail.template).whole)
        env = environment(TEMPLATES, mail.recipient.locale)
        unsubscribe = self._unsubscribe(mail)
        values = filled(mail, self._link(mail), unsubscribe)
        text = env.get_template(f"{mail.template}.txt")
        message = EmailMessage(policy=_POLICY)
        message["From"] = self._settings.mail_from
        message["To"] = mail.recipient.email  # the address alone: a name is somebody's text
        _check_address(message, "To", mail.recipient.email)
        if mail.reply_to:
            message["Reply-To"] = mail.reply_to
            _check_address(message, "Reply-To", mail.reply_to)
        message["Subject"] = block(text, "subject", values).strip()
        message["Message-ID"] = f"<{mail.id}@{self._domain}>"
        message["Date"] = format_datetime(now)
        message["Auto-Submitted"] = "auto-generated"
        if unsubscribe:  # RFC 8058: the mail program posts this itself
            message["List-Unsubscribe"] = f"<{unsubscribe}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        _set(message.set_content, text.render(values))
        html = mjml2html(env.get_template(f"{mail.template}.mjml").render(values))
        _set(message.add_alternative, html, subtype="html")
        message["Content-Language"] = mail.recipient.locale.value  # last: setting the content drops Content-* headers
        return message

    def _link(self, mail: Mail) -> str:
        """Where the mail leads. The token is made here and stands nowhere else."""
        return self._public_link(mail) or self._desk_link(mail)

    def _public_link(self, mail: Mail) -> str | None:
        """A link to the public pages, if that is where it leads."""
        base, about = f"{self._settings.leads_url}/{mail.recipient.locale.value}", mail.about
        if mail.link in _SIGNED:
            folder, page, purpose = _SIGNED[mail.link]
            token = self._links.sign(purpose, about, {"merchant": str(merchant_id_of(mail.recipient.email))})
            return f"{base}/{folder}/{about}/{page}?token={token}"
        if mail.link == DIRECTORY_LINK:
            return f"{base}/partners"
        if mail.link == PROFILE_LINK:  # as the prospect will see it
            return f"{self._settings.leads_url}/{mail.values['merchants_locale']}/partners/{mail.values['slug']}"
        return None

    def _desk_link(self, mail: Mail) -> str:
        """A link to the dashboard, where everybody signs in."""
        email, page = mail.recipient.email, f"{self._settings.public_url}/{mail.recipient.locale.value}/sign-in"
        if mail.link == REQUESTED_LINK:
            claims = {"email": email, "asked": mail.values.get("asked_by", "")}
            token = self._links.sign("sign-in", mail.about, claims)
        elif mail.link == MERCHANT_LINK:
            token = self._links.sign("merchant-link", mail.id, {"email": email})
        elif mail.link == INVITATION_LINK:
            claims = {"email": email, "partner": str(mail.about), "member": mail.values["member_id"]}
            token = self._links.sign("invitation", mail.id, claims)
        elif mail.link == ADDRESS_LINK:
            page = f"{self._settings.public_url}/{mail.recipient.locale.value}/notification-address"
            token = self._links.sign("address", mail.id, {"email": email, "partner": str(mail.about)})
        else:
            return page
        return f"{page}?token={token}"

    def _unsubscribe(self, mail: Mail) -> str:
        """Where mails like this one are refused; empty where they are not."""
        topic, email = kind_of(mail.template).refused_as, mail.recipient.email
        if topic is None:
            return ""
        claims = {"email": email, "topic": topic.value, "locale": mail.recipient.locale.value}
        token = self._links.sign("unsubscribe", derived_id("address", email), claims)
        return f"{self._settings.public_url}/unsubscribe?token={token}"


def filled(mail: Mail, link: str, unsubscribe: str = "") -> Values:
    """All that a template may name. `parts` are what a burst said, one after the other; a mail that stands alone is its
    own only part.
    """
    return {
        **mail.values,
        "parts": list(mail.parts) or [mail.values],
        "link": link,
        "unsubscribe": unsubscribe,
    }


def _set(content: Callable[..., None], text: str, **more: str) -> None:
    """In the encoding that takes less room: a Japanese character takes nine letters as quoted-printable, four in
    base64.
    """
    encoded = text.encode()
    beyond_ascii = sum(byte > 126 for byte in encoded)
    content(text, cte="base64" if 6 * beyond_ascii > len(encoded) else "quoted-printable", **more)


def _check_address(message: EmailMessage, header: str, address: str) -> None:
    """Raises ValueError unless the header holds this one plain address and nothing else."""
    if [one.addr_spec for one in message[header].addresses] != [address] or not address.isascii():
        raise ValueError(f"{header} is not one plain address.")


def block(template: Template, name: str, values: dict[str, object]) -> str:
    """One block of a template, rendered alone."""
    return "".join(template.blocks[name](template.new_context(values)))
