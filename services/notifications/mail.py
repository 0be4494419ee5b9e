"""Who is told what. Pure: facts and teams go in, mails come out.

Whom that is stands in `recipients.py`, what the templates are filled with in `words.py`; who is told of prospects and
matches in `prospects.py`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from services.notifications import words
from services.notifications.envelope import (
    ACCOUNT_LINK,
    ADDRESS_LINK,
    CONFIRM_LINK,
    DESK_LINK,
    DIRECTORY_LINK,
    INVITATION_LINK,
    MERCHANT_LINK,
    REQUESTED_LINK,
    Mail,
    mail_because_of,
    one_to_each_address,
)
from services.notifications.recipients import (
    Recipient,
    asker_of,
    assigned,
    desk_of,
    mentioned,
    merchant_of,
    owners_of,
    recipient_of,
)
from services.notifications.sense import hours_left
from services.notifications.store_access import TO_MERCHANT, TO_PARTNER, wanted
from shared.contracts.base import ActorKind, Command, Event, Message
from shared.contracts.jobs import (
    AccessChanged,
    AccessStatus,
    CommentAdded,
    Job,
    JobCompleted,
    JobCreated,
    JobDeclined,
    JobExpired,
    JobReminded,
    JobReplied,
    JobReviewed,
    MembersAssigned,
    MerchantReplied,
    ReviewAnswered,
    ReviewAsked,
    ReviewEdited,
    ReviewTakenDown,
)
from shared.contracts.partners import MailTopic, Partner, PartnerChanged, SignInRequested
from shared.contracts.requests import Request, RequestStopped, RequestSubmitted
from shared.contracts.suspensions import PersonRestored, PersonSuspended, Suspension
from shared.i18n import moment
from shared.taxonomy import service_name

JobEvent = Event[Any, Job]


def mails_for_job(event: JobEvent, partner: Partner) -> list[Mail]:
    """The mails that follow from a job's event: one to each address, the first that a rule has for it."""
    rule = RULES.get(type(event.fact))
    return one_to_each_address(rule(event, partner)) if rule else []


def mails_for_request(event: Event[Message, Request]) -> Iterator[Mail]:
    """Whose address a store app vouches for has nothing to confirm. Who has confirmed nothing has asked for nothing: an
    address that never answered is not told that something was stopped.
    """
    match event.fact:
        case RequestSubmitted(confirm_within_seconds=within) if within is not None:
            yield mail_for_request(event)
        case RequestStopped() if event.snapshot.confirmed_at is not None:
            to = asker_of(event.snapshot.details)
            values = words.about_request(event.snapshot.details, to)
            yield mail_because_of(event, "request_stopped", to, DIRECTORY_LINK, values)


def mail_for_request(event: Event[Message, Request]) -> Mail:
    """Asks the merchant to confirm the address before anything goes out."""
    details = event.snapshot.details
    values = {
        "merchant_name": details.merchant.name,
        "service_name": service_name(details.service, details.locale),
        "title": details.title,
    }
    return mail_because_of(event, "confirm_request", asker_of(details), CONFIRM_LINK, values)


def mail_for_sign_in(record: Command[SignInRequested], minutes: int) -> Mail:
    request = record.data
    recipient = Recipient(request.email, "", request.locale)
    values = {"minutes": minutes, "asked_by": request.asked_by}
    template = "register" if request.newcomer else "sign_in"
    return mail_because_of(record, template, recipient, REQUESTED_LINK, values)


def mail_for_person(event: Event[PersonSuspended | PersonRestored, Suspension]) -> Mail:
    """That somebody has been suspended, or may come back: once for each time."""
    person = event.snapshot
    to = Recipient(person.email, "", person.locale)
    return mail_because_of(event, "account", to, ACCOUNT_LINK, {"suspended": isinstance(event.fact, PersonSuspended)})


def mails_for_partner(event: Event[PartnerChanged, Partner], contact: str) -> list[Mail]:
    """The invitation of a new member, the question to an address for notifications, and what the owners have to know of
    how far their organisation is let in. `contact` is whom to write to who has questions.
    """
    return one_to_each_address([*_questions(event), *_admission(event, contact)])


def _admission(event: Event[PartnerChanged, Partner], contact: str) -> Iterator[Mail]:
    partner, fact = event.snapshot, event.fact
    name = {"partner_name": partner.profile.name}
    for to in owners_of(partner):
        if fact.suspended is not None:
            values = {**name, "reason": fact.suspended.reason, "contact": contact}
            yield _to_owner(event, "organisation_suspended", to, values)
        elif fact.restored:
            yield _to_owner(event, "organisation_approved", to, {**name, "how": "restored"})
        elif fact.approval is not None and fact.profile is None and fact.approval.rights.jobs:
            yield _to_owner(event, "organisation_approved", to, {**name, "how": fact.approval.value})


def _to_owner(event: Event[PartnerChanged, Partner], template: str, to: Recipient, values: dict[str, Any]) -> Mail:
    said = {"recipient_name": to.name, **values}
    return mail_because_of(event, template, to, DESK_LINK, said, partner_id=event.snapshot.partner_id)


def _questions(event: Event[PartnerChanged, Partner]) -> Iterator[Mail]:
    """An invitation, unless it was taken back or accepted meanwhile; and whether an address wants notifications."""
    partner, fact = event.snapshot, event.fact
    if fact.to_confirm and not partner.preferences.email_confirmed:
        asked = Recipient(fact.to_confirm, "", partner.profile.main_language)
        named = {"partner_name": partner.profile.name}
        yield mail_because_of(event, "confirm_address", asked, ADDRESS_LINK, named, partner_id=partner.partner_id)
    member = partner.member(fact.invited) if fact.invited else None
    if member is None or member.joined or fact.actor is None:
        return
    values = {
        "invited_by": fact.actor.name,
        "partner_name": partner.profile.name,
        "member_id": str(member.member_id),
    }
    to = recipient_of(member)
    yield mail_because_of(event, "invitation", to, INVITATION_LINK, values, partner_id=partner.partner_id)


def _on_created(event: JobEvent, partner: Partner) -> Iterator[Mail]:
    for to in _desk(event.snapshot, partner, MailTopic.NEW_JOBS):
        yield _to_member(event, partner, "new_job", to, **words.offer(event.snapshot, to.locale))


def _on_reminded(event: JobEvent, partner: Partner) -> Iterator[Mail]:
    """The hours are counted again when it is sent (`sense.counted_down`)."""
    job = event.snapshot
    hours = hours_left(job.deadline, event.time)
    for to in _desk(job, partner, MailTopic.NEW_JOBS):
        deadline = {"deadline": moment(job.deadline, to.locale), "deadline_at": job.deadline.isoformat()}
        yield _to_member(event, partner, "reminder", to, hours_left=hours, **deadline)


def _on_expired(event: JobEvent, partner: Partner) -> Iterator[Mail]:
    for to in _desk(event.snapshot, partner, MailTopic.NEW_JOBS):
        yield _to_member(event, partner, "expired", to)


def _on_replied(event: JobEvent, partner: Partner) -> Iterator[Mail]:
    fact: JobReplied = event.fact
    said = words.said(fact.text, fact.attachments)
    yield from _to_merchant(event, partner, "partner_replied", first=fact.first, **said)
    for to in assigned(partner, event.snapshot.assignees, but=fact.actor.member_id):
        yield _to_member(event, partner, "correspondence", to, written_by=fact.actor.name, internal=False, **said)


def _on_merchant_replied(event: JobEvent, partner: Partner) -> Iterator[Mail]:
    fact: MerchantReplied = event.fact
    for to in _everybody(event.snapshot, partner, MailTopic.CONVERSATION):
        yield _to_member(event, partner, "merchant_replied", to, **words.said(fact.text, fact.attachments))


def _on_comment(event: JobEvent, partner: Partner) -> Iterator[Mail]:
    fact: CommentAdded = event.fact
    assignees, said = event.snapshot.assignees, words.said(fact.text)
    for to in mentioned(partner, fact.mentions, assignees, but=fact.actor.member_id):
        yield _to_member(event, partner, "mention", to, written_by=fact.actor.name, **said)
    for to in assigned(partner, assignees, but=fact.actor.member_id):
        yield _to_member(event, partner, "correspondence", to, written_by=fact.actor.name, internal=True, **said)


def _on_assigned(event: JobEvent, partner: Partner) -> Iterator[Mail]:
    fact: MembersAssigned = event.fact
    for to in assigned(partner, fact.added, but=fact.actor.member_id):
        yield _to_member(event, partner, "assigned", to, assigned_by=fact.actor.name)


def _on_declined(event: JobEvent, partner: Partner) -> Iterator[Mail]:
    """The reason stays where it was given: what the merchant did elsewhere is its own affair."""
    job, by = event.snapshot, event.fact.decline.by
    if by is ActorKind.MERCHANT:
        for to in _everybody(job, partner, MailTopic.CONVERSATION):
            yield _to_member(event, partner, "job_declined", to, by_merchant=True)
    elif by is ActorKind.OPERATOR:  # whoever asked is told once, of the request
        for to in _everybody(job, partner, MailTopic.CONVERSATION):
            yield _to_member(event, partner, "job_stopped", to)
    elif job.known_to_merchant:
        if by is ActorKind.PARTNER:
            yield from _to_merchant(event, partner, "job_declined", by_merchant=False)
        else:  # the partner was suspended; its owners have been told so
            yield from _to_merchant(event, partner, "partner_gone")


def _on_completed(event: JobEvent, partner: Partner) -> Iterator[Mail]:
    """A review is asked for when the work is done, and once more when the partner asks for it."""
    if event.snapshot.review is None:
        yield from _to_merchant(event, partner, "review_request", asked=isinstance(event.fact, ReviewAsked))


def _on_reviewed(event: JobEvent, partner: Partner) -> Iterator[Mail]:
    fact: JobReviewed | ReviewEdited = event.fact
    review = {"rating": fact.rating, "text": fact.text, "edited": isinstance(fact, ReviewEdited)}
    for to in _desk(event.snapshot, partner, MailTopic.REVIEWS):
        yield _to_member(event, partner, "review_received", to, **review)


def _on_answered(event: JobEvent, partner: Partner) -> Iterator[Mail]:
    yield from _to_merchant(event, partner, "review_answered", text=event.fact.text)


def _on_taken_down(event: JobEvent, partner: Partner) -> Iterator[Mail]:
    yield from _to_merchant(event, partner, "review_taken_down")
    for to in _desk(event.snapshot, partner, MailTopic.REVIEWS):
        yield _to_member(event, partner, "review_taken_down", to)


def _on_access(event: JobEvent, partner: Partner) -> Iterator[Mail]:
    fact: AccessChanged = event.fact
    job = event.snapshot
    if fact.access.status is AccessStatus.ASKED:
        named = wanted(fact.access, job.details.locale)
        yield from _to_merchant(event, partner, "access_asked", note=fact.note, wanted=named)
    taken = (fact.access.status, fact.actor.kind)
    if step := TO_MERCHANT.get(taken):
        ends = words.access_ends(fact.access, job.details.locale)
        yield from _to_merchant(event, partner, "access_step", to_merchant=True, until=ends, **step._asdict())
    if step := TO_PARTNER.get(taken):
        for to in _everybody(job, partner, MailTopic.CONVERSATION):
            ends = words.access_ends(fact.access, to.locale)
            yield _to_member(event, partner, "access_step", to, to_merchant=False, until=ends, **step._asdict())


RULES: Mapping[type[Message], Callable[[JobEvent, Partner], Iterable[Mail]]] = {
    JobCreated: _on_created,
    JobReminded: _on_reminded,
    JobExpired: _on_expired,
    JobReplied: _on_replied,
    MerchantReplied: _on_merchant_replied,
    CommentAdded: _on_comment,
    MembersAssigned: _on_assigned,
    JobDeclined: _on_declined,
    JobCompleted: _on_completed,
    ReviewAsked: _on_completed,
    JobReviewed: _on_reviewed,
    ReviewEdited: _on_reviewed,
    ReviewAnswered: _on_answered,
    ReviewTakenDown: _on_taken_down,
    AccessChanged: _on_access,
}
"""The facts that somebody is told of. Not among them: what can still be taken back."""

TOLD = tuple(RULES)


def _desk(job: Job, partner: Partner, topic: MailTopic) -> list[Recipient]:
    return desk_of(partner, topic, job.assignees)


def _everybody(job: Job, partner: Partner, topic: MailTopic) -> list[Recipient]:
    """Those who work on the job, and the desk."""
    return [*assigned(partner, job.assignees), *_desk(job, partner, topic)]


def _to_member(event: JobEvent, partner: Partner, template: str, to: Recipient, **values: Any) -> Mail:
    said = {**words.about(event.snapshot, partner, to), **values}
    return mail_because_of(event, template, to, DESK_LINK, said, partner_id=partner.partner_id)


def _to_merchant(event: JobEvent, partner: Partner, template: str, **values: Any) -> Iterator[Mail]:
    """Nothing more once the merchant has blocked the partner."""
    job, to = event.snapshot, merchant_of(event.snapshot)
    if not job.blocked:
        said = {**words.about(job, partner, to), **values}
        yield mail_because_of(event, template, to, MERCHANT_LINK, said, partner_id=partner.partner_id)
