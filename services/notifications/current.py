"""What mails are about, as it stands now: small projections of `jobs.events`, `leads.events` and `requests`.

A mail may wait for hours: in the pace of leads, or while the mail server is away. What is known here decides at sending
whether it still makes sense (`sense.py`). Each of the three is written before the mails of the same batch are queued,
so it is never behind the event that a mail comes from; what is not here at all is unknown, and unknown means send.
Replayed records are learned like any other, so all of it can be dropped and read again.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from services.notifications.envelope import Mail
from services.notifications.kinds import Subject, kind_of
from services.notifications.sense import JobNow, LeadNow, Now, RequestNow
from services.notifications.teams import Teams
from shared.contracts.jobs import Job
from shared.contracts.leads import Lead
from shared.contracts.requests import Request
from shared.failures import Unreadable
from shared.mongo import Collection, Database, Document
from shared.projection import Projection, Write, newer
from shared.records import Received

JOBS, LEADS, REQUESTS = "jobs", "leads", "requests"


def on_job(received: Received) -> Iterable[Write]:
    job: Job = received.record.snapshot
    fields = {
        "partner_id": job.partner_id,
        "status": job.status.value,
        "deadline": job.deadline,
        "assignees": list(job.assignees),
        "blocked": job.blocked or job.stopped_at is not None,  # either way nobody writes any more
        "reviewed": job.review is not None,
        "access": job.access.status.value if job.access else None,
    }
    yield newer(JOBS, job.job_id, job.version, fields)


def on_lead(received: Received) -> Iterable[Write]:
    lead: Lead = received.record.snapshot
    fields = {
        "partner_id": lead.partner_id,
        "request_id": lead.request_id,
        "merchant_id": lead.details.merchant.merchant_id,
        "reviewed": lead.review is not None,
    }
    yield newer(LEADS, lead.lead_id, lead.version, fields)


def on_request(received: Received) -> Iterable[Write]:
    request: Request = received.record.snapshot
    fields = {"status": request.status.value, "confirm_until": request.confirm_until}
    yield newer(REQUESTS, request.request_id, request.version, fields)


class Current:
    def __init__(self, database: Database, teams: Teams) -> None:
        self._database: Any = database
        self._teams = teams
        self._projections = {
            Subject.JOB: Projection(database, on_job),
            Subject.LEAD: Projection(database, on_lead),
            Subject.REQUEST: Projection(database, on_request),
        }

    async def learn(self, what: Subject, batch: Sequence[Received]) -> None:
        """Take note of how these jobs, leads or requests stand."""
        await self._projections[what](batch)

    async def of(self, mail: Mail) -> Now:
        """What is known now of the mail's job, lead, request and team. None where nothing is."""
        job = lead = request = None
        match kind_of(mail.template).about:
            case Subject.JOB:
                job = _known(JobNow, await _one(self._database[JOBS], mail.about))
            case Subject.LEAD:
                lead = _known(LeadNow, await _one(self._database[LEADS], mail.about))
                if lead is not None:
                    request = _known(RequestNow, await _one(self._database[REQUESTS], lead.request_id))
            case Subject.REQUEST:
                request = _known(RequestNow, await _one(self._database[REQUESTS], mail.about))
        # A mail that an older Jobwire has queued does not say whose it is; its job or lead does.
        theirs = mail.partner_id or (job.partner_id if job else None) or (lead.partner_id if lead else None)
        try:
            partner = (await self._teams.known([theirs])).get(theirs) if theirs else None
        except Unreadable:  # written by a newer Jobwire
            partner = None
        return Now(job, lead, request, partner)


async def _one(collection: Collection, document_id: Any) -> Document | None:
    return await collection.find_one({"_id": document_id})


def _known(of: Any, document: Document | None) -> Any:
    """The document's fields that this release knows. A field that is missing was not written yet: nothing is known."""
    if document is None or any(name not in document for name in of._fields):
        return None
    return of(**{name: document[name] for name in of._fields})
