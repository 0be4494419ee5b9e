"""Who is told what, and in which words. Pure: facts and teams go in, mails come out."""

from collections.abc import Iterable
from typing import Any, NamedTuple
from uuid import UUID

from shared.contracts.base import Command, Event, Locale, Message, Record, derived_id
from shared.contracts.jobs import Job, JobCreated, JobReminded, JobReplied, MembersAssigned, MerchantReplied
from shared.contracts.partners import Member, Partner, Role, SignInRequested
from shared.contracts.requests import Request
from shared.i18n import moment, money
from shared.taxonomy import service_name

REQUESTED_LINK = "requested"
"""The link signs in whoever asked for it, for minutes."""
MERCHANT_LINK = "merchant"
"""The link signs in the merchant it was sent to, for days."""


class Recipient(NamedTuple):
    email: str
    name: str
    locale: Locale


class Mail(NamedTuple):
    """One mail to one recipient. `values` are the template's, without the link: its secret is made when the mail is
    sent.
    """

    id: UUID
    template: str
    recipient: Recipient
    about: UUID
    link: str
    values: dict[str, Any]
    correlation_id: UUID


def mails_for_job(event: Event[Message, Job], partner: Partner) -> Iterable[Mail]:
    """The mails that follow from a job's event."""
    job, fact = event.snapshot, event.fact
    match fact:
        case JobCreated():
            for recipient in desk_of(partner):
                yield _mail(event, "new_job", recipient, "desk", _offer(job, partner, recipient.locale))
        case JobReminded():
            hours = round((job.deadline - event.time).total_seconds() / 3600)
            for recipient in desk_of(partner):
                values = _reminder(job, partner, hours, recipient.locale)
                yield _mail(event, "reminder", recipient, "desk", values)
        case JobReplied():
            yield _mail(event, "partner_replied", merchant_of(job), MERCHANT_LINK, _introduction(job, partner, fact))
        case MerchantReplied(text=text):
            for recipient in _once_each([*desk_of(partner), *_members(partner, job.assignees)]):
                values = {**_said(job, text), "recipient_name": recipient.name, "merchant_name": _merchant_name(job)}
                yield _mail(event, "merchant_replied", recipient, "desk", values)
        case MembersAssigned(added=added, actor=actor):
            # Nobody is told of what they did themselves.
            others = [member_id for member_id in added if member_id != actor.member_id]
            for recipient in _members(partner, others):
                yield _mail(event, "assigned", recipient, "desk", _assignment(job, recipient, actor.name))
        case _:
            return


def mail_for_request(event: Event[Message, Request]) -> Mail:
    """Asks the merchant to confirm the address before anything goes out."""
    details = event.snapshot.details
    values = {
        "merchant_name": details.merchant.name,
        "service_name": service_name(details.service, details.locale),
        "title": details.title,
    }
    recipient = Recipient(details.merchant.email, details.merchant.name, details.locale)
    return _mail(event, "confirm_request", recipient, "confirm", values)


def mail_for_sign_in(record: Command[SignInRequested], minutes: int) -> Mail:
    request = record.data
    recipient = Recipient(request.email, request.name, request.locale)
    return _mail(record, "sign_in", recipient, REQUESTED_LINK, {"name": request.name, "minutes": minutes})


def desk_of(partner: Partner) -> list[Recipient]:
    """Where a partner's job mails go: the address it chose, or its owners."""
    address = partner.preferences.notification_email
    if address:
        return [Recipient(address, partner.profile.name, partner.profile.main_language)]
    return _once_each(_recipient(member) for member in partner.members if member.role is Role.OWNER)


def merchant_of(job: Job) -> Recipient:
    merchant = job.details.merchant
    return Recipient(merchant.email, merchant.name, job.details.locale)


def _mail(cause: Record, template: str, recipient: Recipient, link: str, values: dict[str, Any]) -> Mail:
    mail_id = derived_id("mail", cause.id, recipient.email, template)
    return Mail(mail_id, template, recipient, cause.subject, link, values, cause.correlationid)


def _members(partner: Partner, member_ids: Iterable[UUID]) -> list[Recipient]:
    return [_recipient(member) for member_id in member_ids if (member := partner.member(member_id))]


def _recipient(member: Member) -> Recipient:
    return Recipient(member.email, member.name, member.locale)


def _once_each(recipients: Iterable[Recipient]) -> list[Recipient]:
    """One mail per address, whatever roles it has."""
    return list({recipient.email.casefold(): recipient for recipient in recipients}.values())


def _offer(job: Job, partner: Partner, locale: Locale) -> dict[str, Any]:
    details = job.details
    return {
        **_about(job, partner, locale),
        "kind": details.kind.value,
        "business": details.business,
        "requirements": details.requirements,
        "budget": money(details.budget, locale) if details.budget else None,
        "priorities": details.priorities.model_dump(),
        "merchant_name": _merchant_name(job),
        "store_url": details.merchant.store_url,
        "deadline": moment(job.deadline, locale),
    }


def _reminder(job: Job, partner: Partner, hours: int, locale: Locale) -> dict[str, Any]:
    return {**_about(job, partner, locale), "hours_left": hours, "deadline": moment(job.deadline, locale)}


def _introduction(job: Job, partner: Partner, fact: JobReplied) -> dict[str, Any]:
    named = {"merchant_name": _merchant_name(job), "partner_name": partner.profile.name}
    return {**_said(job, fact.text), **named, "first": fact.first}


def _assignment(job: Job, recipient: Recipient, assigned_by: str) -> dict[str, Any]:
    return {
        "recipient_name": recipient.name,
        "assigned_by": assigned_by,
        "title": job.details.title,
        "service_name": service_name(job.details.service, recipient.locale),
    }


def _about(job: Job, partner: Partner, locale: Locale) -> dict[str, Any]:
    return {
        "partner_name": partner.profile.name,
        "title": job.details.title,
        "service_name": service_name(job.details.service, locale),
    }


def _said(job: Job, text: str) -> dict[str, Any]:
    return {"title": job.details.title, "text": text}


def _merchant_name(job: Job) -> str:
    return job.details.merchant.name


TOLD = (JobCreated, JobReminded, JobReplied, MerchantReplied, MembersAssigned)
"""The facts that somebody is told of."""
