"""Who is told of prospects and of matching: the partner who gets a lead, and whoever asked for help. Pure."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from services.notifications import words
from services.notifications.envelope import (
    DESK_LINK,
    DIRECTORY_LINK,
    HELPED_LINK,
    LEAD_REVIEW_LINK,
    PROFILE_LINK,
    Mail,
    mail_because_of,
    one_to_each_address,
)
from services.notifications.recipients import asker_of, desk_of
from shared.contracts.base import Event
from shared.contracts.leads import (
    Lead,
    LeadDelivered,
    LeadReviewed,
    LeadReviewRequested,
    LeadReviewTakenDown,
    LeadStopped,
)
from shared.contracts.matching import Answer, Match, RequestMatched, RequestUnmatched
from shared.contracts.partners import MailTopic, Partner
from shared.contracts.requests import RequestKind

FOLLOWED_UP = timedelta(days=60)
"""Nobody follows a lead up any more that came longer ago."""

LeadEvent = Event[Any, Lead]
MatchEvent = Event[Any, Match]

TOLD_REASONS = frozenset({"nobody_eligible", "partner_unavailable", "nobody_answered"})
"""Why a request is with nobody. A prospect for whom there is nobody else (`nobody_else`) has been with some already."""


def mails_for_lead(event: LeadEvent, partner: Partner) -> list[Mail]:
    """The mails that follow from a lead's event: one to each address."""
    match event.fact:
        case LeadDelivered():
            return one_to_each_address(_delivered(event, partner))
        case LeadReviewRequested():
            to = asker_of(event.snapshot.details)
            values = {**words.about_request(event.snapshot.details, to), "partner_name": partner.profile.name}
            theirs = partner.partner_id
            return [mail_because_of(event, "lead_review_request", to, LEAD_REVIEW_LINK, values, partner_id=theirs)]
        case LeadReviewed():
            return one_to_each_address(_reviewed(event, partner))
        case LeadReviewTakenDown():
            return one_to_each_address(_taken_down(event, partner))
        case LeadStopped() if event.time - event.snapshot.delivered_at < FOLLOWED_UP:
            return one_to_each_address(_to_desk(event, partner, "lead_stopped", MailTopic.NEW_JOBS))
    return []


def alternatives(event: MatchEvent) -> tuple[UUID, ...]:
    """Whom the event offers in place of a partner that was asked by name, the best first."""
    return event.fact.alternatives if isinstance(event.fact, RequestUnmatched) else ()


def mails_for_match(event: MatchEvent, partners: Mapping[UUID, Partner] = MappingProxyType({})) -> list[Mail]:
    """What matching has to say to whoever asked. A merchant hears of its partners when they write. `partners` are those
    of the event's alternatives that are known.
    """
    details, fact = event.snapshot.details, event.fact
    to = asker_of(details)
    about = words.about_request(details, to)
    match fact:
        case RequestMatched() if details.kind.is_prospects:
            after = fact.wave_after_seconds
            values = {
                **about,
                "kind": details.kind.value,
                "partners": len(fact.selections),
                "further": fact.wave > 1,
                "hours": round(after / 3600) if after else 0,
            }
            return [mail_because_of(event, "lead_matched", to, HELPED_LINK, values)]
        case RequestUnmatched() if fact.reason in TOLD_REASONS and not _was_declined(event.snapshot):
            offered = [partners[partner_id] for partner_id in fact.alternatives if partner_id in partners]
            values = {
                **about,
                "reason": fact.reason,
                "named": details.kind.names_a_partner,
                "alternatives": words.profiles(offered),
            }
            return [mail_because_of(event, "unmatched", to, DIRECTORY_LINK, values)]
    return []


def _delivered(event: LeadEvent, partner: Partner) -> Iterator[Mail]:
    """The prospect's own address is where an answer goes; it is a plain one, and has been confirmed."""
    lead = event.snapshot
    for to in desk_of(partner, MailTopic.NEW_JOBS):
        yield mail_because_of(
            event,
            "lead",
            to,
            PROFILE_LINK,
            words.lead(lead, partner, to),
            reply_to=lead.details.merchant.email,
            paced_by=partner.partner_id,
            partner_id=partner.partner_id,
        )


def _reviewed(event: LeadEvent, partner: Partner) -> Iterator[Mail]:
    fact: LeadReviewed = event.fact
    details = event.snapshot.details
    review = {"rating": fact.rating, "text": fact.text, "edited": False, "merchant_name": details.merchant.name}
    for to in desk_of(partner, MailTopic.REVIEWS):
        values = {**words.about_request(details, to), **review, "lead": True}
        yield mail_because_of(event, "review_received", to, DESK_LINK, values, partner_id=partner.partner_id)


def _taken_down(event: LeadEvent, partner: Partner) -> Iterator[Mail]:
    details = event.snapshot.details
    to = asker_of(details)
    values = words.about_request(details, to)
    yield mail_because_of(event, "lead_review_taken_down", to, DIRECTORY_LINK, values, partner_id=partner.partner_id)
    yield from _to_desk(event, partner, "lead_review_taken_down", MailTopic.REVIEWS)


def _to_desk(event: LeadEvent, partner: Partner, template: str, topic: MailTopic) -> Iterator[Mail]:
    for to in desk_of(partner, topic):
        values = words.about_request(event.snapshot.details, to)
        yield mail_because_of(event, template, to, DESK_LINK, values, partner_id=partner.partner_id)


def _was_declined(match: Match) -> bool:
    """Whether a partner who was asked by name has declined: then its merchant has been told so."""
    return match.details.kind is RequestKind.DIRECT and any(one.answer is Answer.DECLINED for one in match.asked)
