"""Whom to write to: at a partner the desk, those who work on a job, those who are mentioned; and the merchant. Pure."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from shared.contracts.base import Locale
from shared.contracts.jobs import Job
from shared.contracts.partners import MailTopic, Member, Partner, Role
from shared.contracts.requests import RequestDetails


class Recipient(NamedTuple):
    email: str
    name: str
    locale: Locale


def desk_of(partner: Partner, topic: MailTopic, assignees: Collection[UUID] = ()) -> list[Recipient]:
    """Who is told what concerns the whole organisation: members who chose the topic, and the address for
    notifications or else the owners, unless they chose otherwise.

    What is new always reaches somebody: a job that nobody hears of expires.
    """
    address = partner.preferences.inbox
    desk = [Recipient(address, partner.profile.name, partner.profile.main_language)] if address else []
    owners = [member for member in partner.members if member.joined and member.role is Role.OWNER]
    members = [
        member
        for member in partner.members
        if member.joined
        and _may_see(member, assignees)
        and _wants(member, topic, by_default=not desk and member in owners)
    ]
    if not (desk or members) and topic is MailTopic.NEW_JOBS:
        members = owners
    # Whoever is both is greeted by name, in their own language: members come first.
    return [*map(recipient_of, members), *desk]


def assigned(partner: Partner, member_ids: Collection[UUID], but: UUID | None = None) -> list[Recipient]:
    """Those of these members who want mails about their jobs. `but` is who did it: nobody is told of their own act."""
    members = _joined(partner, member_ids, but)
    return [recipient_of(member) for member in members if _wants(member, MailTopic.ASSIGNED)]


def mentioned(
    partner: Partner, member_ids: Collection[UUID], assignees: Collection[UUID], but: UUID | None = None
) -> list[Recipient]:
    """Those of these members who want to hear of it. A mention opens no job to somebody who may not see it."""
    members = _joined(partner, member_ids, but)
    return [
        recipient_of(member) for member in members if _may_see(member, assignees) and _wants(member, MailTopic.MENTIONS)
    ]


def owners_of(partner: Partner) -> list[Recipient]:
    """Who answers for the organisation."""
    return [recipient_of(one) for one in partner.members if one.joined and one.role is Role.OWNER]


def merchant_of(job: Job) -> Recipient:
    return asker_of(job.details)


def asker_of(details: RequestDetails) -> Recipient:
    """Whoever asked, in the language of the request."""
    return Recipient(details.merchant.email, details.merchant.name, details.locale)


def recipient_of(member: Member) -> Recipient:
    return Recipient(member.email, member.name, member.locale)


def _joined(partner: Partner, member_ids: Collection[UUID], but: UUID | None) -> list[Member]:
    """Who is in the team now. A fact may name somebody who has left, or has not accepted the invitation yet."""
    found = [partner.member(member_id) for member_id in member_ids if member_id != but]
    return [member for member in found if member and member.joined]


def _may_see(member: Member, assignees: Collection[UUID]) -> bool:
    return not member.assigned_only or member.member_id in assignees


def _wants(member: Member, topic: MailTopic, *, by_default: bool = True) -> bool:
    return by_default if member.mailed is None else topic in member.mailed
