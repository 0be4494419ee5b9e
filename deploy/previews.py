"""Every mail as its recipient would see it, made from example data by the same code that sends. No servers needed."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr

from deploy.mail_examples import MAILS
from services.notifications import envelope
from services.notifications.compose import Composer
from services.notifications.envelope import Mail
from services.notifications.kinds import KINDS
from services.notifications.recipients import Recipient
from shared.contracts.base import Locale, derived_id
from shared.links import Links
from shared.settings import Settings

LINKS = {
    "sign_in": envelope.REQUESTED_LINK,
    "confirm_request": envelope.CONFIRM_LINK,
    "invitation": envelope.INVITATION_LINK,
    "lead": envelope.PROFILE_LINK,
    "lead_matched": envelope.HELPED_LINK,
    "lead_review_request": envelope.LEAD_REVIEW_LINK,
    "unmatched": envelope.DIRECTORY_LINK,
    **dict.fromkeys(
        ("partner_replied", "access_asked", "review_request", "review_answered"),
        envelope.MERCHANT_LINK,
    ),
}
"""Where a mail leads that does not simply lead to the dashboard."""


class Preview(NamedTuple):
    """`name` says which mail in which form and language; it is a file's name without its ending."""

    name: str
    subject: str
    text: str
    html: str


def previews(template: str | None = None, locale: Locale | None = None) -> Iterator[Preview]:
    """All mails, or those of one template or language. Raises LookupError for a template that does not exist."""
    if template is not None and template not in KINDS:
        raise LookupError(f"There is no mail {template!r}. There are: {', '.join(sorted(KINDS))}.")
    settings = Settings(secret_keys=SecretStr("only-for-previews-of-mails"))
    composer, at = Composer(settings, Links(settings)), datetime(2026, 3, 2, 9, tzinfo=UTC)
    for form, (of, values) in MAILS.items():
        for language in Locale:
            if template in (None, of) and locale in (None, language):
                message = composer.compose(example(of, values, language), at)
                name = f"{re.sub('[^a-z_]+', '-', form.lower())}.{language.value}"
                yield Preview(name, str(message["Subject"]), _body(message, "plain"), _body(message, "html"))


def example(template: str, values: dict[str, Any], locale: Locale) -> Mail:
    """The mail that these values are an example of."""
    own = {name: value for name, value in values.items() if name != "parts"}
    return Mail(
        id=derived_id("preview", template),
        template=template,
        recipient=Recipient("somebody@example.com", "Mia", locale),
        about=derived_id("preview"),
        link=LINKS.get(template, envelope.DESK_LINK),
        values={"member_id": str(derived_id("preview")), **own},
        correlation_id=derived_id("preview"),
        reply_to=values.get("email"),
        parts=tuple(values.get("parts", ())),
    )


def write(folder: Path, found: Iterator[Preview]) -> Iterator[tuple[Path, Preview]]:
    """Put each into two files, `.txt` and `.html`; gives the path of the first."""
    folder.mkdir(parents=True, exist_ok=True)
    for preview in found:
        path = folder / f"{preview.name}.txt"
        path.write_text(f"{preview.subject}\n\n{preview.text}", encoding="utf-8")
        path.with_suffix(".html").write_text(preview.html, encoding="utf-8")
        yield path, preview


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None, "A mail has both forms."
    return str(part.get_content())
