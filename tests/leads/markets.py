"""A directory over a database in memory, told of partners as topics would."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import httpx2

from services.leads.market import market
from services.leads.projections import on_job, on_lead, on_partner, on_standing
from services.leads.search import Search
from shared.contracts.base import derived_id
from shared.contracts.jobs import Job, JobReviewed, Review, Status
from shared.contracts.leads import Lead, LeadReview, LeadReviewed
from shared.contracts.matching import Answering, ServiceStanding, StandingChanged
from shared.contracts.partners import Partner, PartnerChanged
from shared.contracts.requests import RequestKind
from shared.http import application
from shared.projection import Projection
from shared.records import Received
from shared.service import Service
from shared.settings import Settings
from tests.builders import BY_MERCHANT, NOW, PARTNER_ID, a_command, a_job, an_event, details, received
from tests.fakes import ManualClock, MemoryLog, MemoryPublisher
from tests.memory_mongo import MemoryDatabase

HOURS = 3600.0


class Market:
    """The public side of the directory, with nobody else about."""

    def __init__(self, database: Any = None) -> None:
        self.clock = ManualClock()
        self.database = MemoryDatabase(self.clock.now) if database is None else database
        settings = Settings(secret_keys="the-key-of-the-tests", leads_url="https://jobs.example")
        publisher = MemoryPublisher(MemoryLog(self.clock))
        service = Service("leads", settings, publisher=publisher, database=self.database, clock=self.clock)
        self.metrics = service.metrics
        self.search = Search(self.database, self.clock, self.metrics)
        app = application("tests")
        app.include_router(market(service))
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://leads")

    async def tell(self, *records: Received) -> None:
        """Each record as its topic's projection hears it."""
        reactions = {"partners": on_partner, "standings": on_standing, "jobs.events": on_job, "leads.events": on_lead}
        for record in records:
            await Projection(self.database, reactions[record.raw.topic])([record])

    async def has(self, *partners: Partner) -> None:
        await self.tell(*map(changed, partners))

    async def get(self, path: str, expect: int = 200, **params: Any) -> httpx2.Response:
        response = await self.client.get(path, params=params)
        assert response.status_code == expect, response.text
        return response

    async def slugs(self, **params: Any) -> list[str]:
        """Who is found, over JSON, on one page."""
        return [partner["slug"] for partner in (await self.get("/api/v1/partners", **params)).json()["partners"]]


def changed(partner: Partner) -> Received:
    return received(an_event(PartnerChanged(), partner, subject=partner.partner_id), topic="partners")


def a_standing(partner_id: UUID = PARTNER_ID, version: int = 1, **counts: Any) -> Received:
    """`replied`, `reply_seconds`, ratings as `rated` …; answered in time unless `expired` says otherwise."""
    ratings: Sequence[int] = counts.pop("rated", ())
    summed = ServiceStanding(**counts, reviews=len(ratings), rating_sum=sum(ratings))
    share = summed.replied / ((summed.replied + summed.expired) or 1)
    answering = Answering(share=share, points=20 * share, most=20.0)
    data = StandingChanged(partner_id=partner_id, version=version, services={"seo": summed}, answering=answering)
    return received(a_command(data, partner_id), topic="standings")


def a_review(number: int = 1, rating: int = 5, text: str = "Well done.", version: int = 9, **fields: Any) -> Received:
    """A merchant's review, in its job's event."""
    job_id = derived_id("reviewed job", number)
    job: Job = a_job(Status.COMPLETED).model_copy(
        update={
            "job_id": job_id,
            "version": version,
            "partner_id": fields.pop("partner_id", PARTNER_ID),
            "details": details(**fields.pop("about", {})),
            "review": Review(rating=rating, text=text, **{"at": NOW, **fields}),
        }
    )
    fact = JobReviewed(rating=rating, text=text, actor=BY_MERCHANT)
    return received(an_event(fact, job, subject=job_id), topic="jobs.events")


def a_prospects_review(rating: int = 5, text: str = "Well begun.") -> Received:
    lead = Lead(
        lead_id=derived_id("reviewed lead"),
        request_id=derived_id("request of a lead"),
        partner_id=PARTNER_ID,
        details=details(RequestKind.LEAD, partner_id=None),
        others=0,
        delivered_at=NOW,
        review=LeadReview(rating=rating, text=text, at=NOW),
        version=3,
    )
    event = an_event(LeadReviewed(rating=rating, text=text), lead, subject=lead.lead_id)
    return received(event, topic="leads.events")
