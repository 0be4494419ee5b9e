"""All rules of a lead: one prospect at one partner. Pure."""

from datetime import datetime
from uuid import UUID

from shared.contracts.base import ActorKind
from shared.contracts.leads import (
    AskLeadReview,
    CreateLead,
    Lead,
    LeadCommand,
    LeadDelivered,
    LeadFact,
    LeadReview,
    LeadReviewed,
    LeadReviewRequested,
    LeadReviewTakenDown,
    LeadStopped,
    ReviewLead,
    StopLead,
    TakeDownLeadReview,
    lead_id_of,
)
from shared.decisions import Decision, Rejection

_STOPPED = Rejection("stopped", "Jobwire has stopped this request.")


def decide(lead: Lead | None, command: LeadCommand, lead_id: UUID, at: datetime) -> Decision:
    if isinstance(command, CreateLead):
        return _create(lead, command, lead_id)
    if lead is None:
        raise ValueError(f"There is no lead {lead_id} to decide about.")
    match command:
        case AskLeadReview():
            return _ask(lead, command)
        case ReviewLead():
            return _review(lead, command)
        case TakeDownLeadReview():
            return _take_down(lead, command)
        case StopLead():
            return _stop(lead, command)


def evolve(lead: Lead | None, fact: LeadFact, lead_id: UUID, at: datetime) -> Lead:
    if isinstance(fact, LeadDelivered):
        return Lead(
            lead_id=lead_id,
            request_id=fact.request_id,
            partner_id=fact.partner_id,
            details=fact.details,
            others=fact.others,
            delivered_at=at,
        )
    if lead is None:
        raise ValueError(f"{type(fact).__name__} before LeadDelivered.")
    match fact:
        case LeadReviewRequested():
            return lead.model_copy(update={"review_asked_at": at})
        case LeadReviewed(rating=rating, text=text):
            return lead.model_copy(update={"review": LeadReview(rating=rating, text=text, at=at)})
        case LeadReviewTakenDown():
            assert lead.review is not None, "There is a review before it is taken down."
            return lead.model_copy(update={"review": lead.review.model_copy(update={"taken_down_at": at})})
        case LeadStopped():
            return lead.model_copy(update={"stopped_at": at})


def _create(lead: Lead | None, command: CreateLead, lead_id: UUID) -> Decision:
    if command.actor.kind is not ActorKind.SYSTEM or lead_id != lead_id_of(command.request_id, command.partner_id):
        return Rejection("forbidden", "Leads are made by matching, one for each request and partner.")
    if lead is not None:
        return []
    given = {name: getattr(command, name) for name in LeadDelivered.model_fields}
    return [LeadDelivered(**given)]


def _ask(lead: Lead, command: AskLeadReview) -> Decision:
    actor = command.actor
    if actor.kind is not ActorKind.PARTNER or actor.partner_id != lead.partner_id:
        return Rejection("forbidden", "Only the partner who got the lead can ask for a review.")
    if lead.stopped_at is not None:
        return _STOPPED
    if lead.review is not None:
        return Rejection("already_reviewed", "This lead has its review.")
    if lead.review_asked_at is not None:
        return Rejection("already_asked", "The prospect has been asked for a review.")
    return [LeadReviewRequested(actor=actor)]


def _review(lead: Lead, command: ReviewLead) -> Decision:
    actor = command.actor
    if actor.kind is not ActorKind.MERCHANT or actor.merchant_id != lead.details.merchant.merchant_id:
        return Rejection("forbidden", "Only the prospect can review.")
    if command.of_own_team:
        return Rejection("own_review", "Nobody reviews an organisation they belong to.")
    if lead.stopped_at is not None:
        return _STOPPED
    if lead.review_asked_at is None:
        return Rejection("not_asked", "The partner has not asked for a review.")
    if lead.review is not None:
        return Rejection("already_reviewed", "This lead has its review.")
    return [LeadReviewed(rating=command.rating, text=command.text)]


def _take_down(lead: Lead, command: TakeDownLeadReview) -> Decision:
    if command.actor.kind is not ActorKind.OPERATOR:
        return Rejection("forbidden", "Only operators take reviews down.")
    if lead.review is None:
        return Rejection("not_reviewed", "There is no review to take down.")
    return [LeadReviewTakenDown()] if lead.review.stands else []


def _stop(lead: Lead, command: StopLead) -> Decision:
    if command.actor.kind is not ActorKind.SYSTEM:
        return Rejection("forbidden", "A lead ends with its request.")
    return [] if lead.stopped_at else [LeadStopped()]
