"""What a mail's template is filled with. Pure."""

from collections.abc import Iterable
from typing import Any

from babel import Locale as Babel

from services.notifications.recipients import Recipient
from shared.contracts.base import Locale
from shared.contracts.jobs import Attachment, Job, StoreAccess
from shared.contracts.leads import Lead
from shared.contracts.partners import Partner
from shared.contracts.requests import RequestDetails
from shared.i18n import moment, money
from shared.taxonomy import service_name

Values = dict[str, Any]


def about(job: Job, partner: Partner, recipient: Recipient) -> Values:
    """What every mail about a job may say."""
    return {
        "recipient_name": recipient.name,
        "merchant_name": job.details.merchant.name,
        "partner_name": partner.profile.name,
        "title": job.details.title,
        "service_name": service_name(job.details.service, recipient.locale),
    }


def offer(job: Job, locale: Locale) -> Values:
    details = job.details
    return {
        "kind": details.kind.value,
        "others": job.others,
        "store_url": details.merchant.store_url,
        "deadline": moment(job.deadline, locale),
        **wanted(details, locale),
    }


def wanted(details: RequestDetails, locale: Locale) -> Values:
    """What somebody needs, but for its title."""
    return {
        "business": details.business,
        "requirements": details.requirements,
        "budget": money(details.budget, locale) if details.budget else None,
        "priorities": details.priorities.model_dump(),
    }


def lead(of: Lead, partner: Partner, recipient: Recipient) -> Values:
    """What a partner is told of a prospect: all that it needs to answer, for this mail is all that it gets."""
    details = of.details
    return {
        **about_request(details, recipient),
        **wanted(details, recipient.locale),
        "kind": details.kind.value,
        "partner_name": partner.profile.name,
        "merchant_name": details.merchant.name,
        "email": details.merchant.email,
        "phone": details.merchant.phone,
        "language": Babel(details.locale.value).get_language_name(recipient.locale.value),
        "partners": of.others + 1,
        "slug": partner.profile.slug,
        "merchants_locale": details.locale.value,
    }


def about_request(details: RequestDetails, recipient: Recipient) -> Values:
    """What every mail about a request may say."""
    return {
        "recipient_name": recipient.name,
        "title": details.title,
        "service_name": service_name(details.service, recipient.locale),
    }


def profiles(partners: Iterable[Partner]) -> list[Values]:
    """Their names, and what their profiles' addresses end with: of those whose profile can be seen."""
    return [{"name": one.profile.name, "slug": one.profile.slug} for one in partners if one.shown]


def said(text: str, attachments: Iterable[Attachment] = ()) -> Values:
    """A message and the names of its files. The files themselves are behind the sign-in."""
    return {"text": text, "files": [attachment.name for attachment in attachments]}


def access_ends(access: StoreAccess, locale: Locale) -> str:
    """When; empty for what has not been granted."""
    return moment(access.expires_at, locale) if access.expires_at else ""
