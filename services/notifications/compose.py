"""A mail's words and its secret link, at the moment of sending."""

from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path

from jinja2 import Template
from mjml import mjml2html

from services.notifications.envelope import CONFIRM_LINK, INVITATION_LINK, MERCHANT_LINK, REQUESTED_LINK, Mail
from shared.contracts.requests import merchant_id_of
from shared.i18n import environment
from shared.links import Links
from shared.settings import Settings

TEMPLATES = Path(__file__).parent / "templates"


class Composer:
    def __init__(self, settings: Settings, links: Links) -> None:
        self._settings = settings
        self._links = links
        self._domain = parseaddr(settings.mail_from)[1].rpartition("@")[2] or "jobwire.example"

    def compose(self, mail: Mail, now: datetime) -> EmailMessage:
        """The message, the same Message-ID on every attempt. Header values with line breaks raise ValueError (the
        policy's doing).
        """
        env = environment(TEMPLATES, mail.recipient.locale)
        values = {**mail.values, "link": self._link(mail)}
        text = env.get_template(f"{mail.template}.txt")
        message = EmailMessage(policy=SMTP)
        message["From"] = self._settings.mail_from
        message["To"] = mail.recipient.email  # the address alone: a name is somebody's text
        if [one.addr_spec for one in message["To"].addresses] != [
            mail.recipient.email
        ] or not mail.recipient.email.isascii():
            raise ValueError("The recipient is not one plain address.")
        message["Subject"] = block(text, "subject", values).strip()
        message["Message-ID"] = f"<{mail.id}@{self._domain}>"
        message["Date"] = format_datetime(now)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text.render(values), cte="quoted-printable")
        html = mjml2html(env.get_template(f"{mail.template}.mjml").render(values))
        message.add_alternative(html, subtype="html", cte="quoted-printable")
        message["Content-Language"] = mail.recipient.locale.value  # last: setting the content drops Content-* headers
        return message

    def _link(self, mail: Mail) -> str:
        """Where the mail leads. The token is made here and stands nowhere else."""
        locale = mail.recipient.locale.value
        email = mail.recipient.email
        if mail.link == CONFIRM_LINK:
            token = self._links.sign("confirm-request", mail.about, {"merchant": str(merchant_id_of(email))})
            return f"{self._settings.leads_url}/{locale}/requests/{mail.about}/confirm?token={token}"
        if mail.link == REQUESTED_LINK:
            token = self._links.sign("sign-in", mail.about, {"email": email})
        elif mail.link == MERCHANT_LINK:
            token = self._links.sign("merchant-link", mail.id, {"email": email})
        elif mail.link == INVITATION_LINK:
            claims = {"email": email, "partner": str(mail.about), "member": mail.values["member_id"]}
            token = self._links.sign("invitation", mail.id, claims)
        else:
            return f"{self._settings.public_url}/{locale}/sign-in"
        return f"{self._settings.public_url}/{locale}/sign-in?token={token}"


def block(template: Template, name: str, values: dict[str, object]) -> str:
    """One block of a template, rendered alone."""
    return "".join(template.blocks[name](template.new_context(values)))
