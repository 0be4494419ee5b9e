"""Every read model of the gateway, each with a consumer group of its own. `jobwire rebuild` builds them all anew from
the topics, and takes its list from here.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from services.gateway.read import deliveries, explanations, oversight, projections, search_index
from services.gateway.read.catching_up import CatchingUp
from shared.consumer import Handler
from shared.mongo import Database
from shared.projection import Projection, Write
from shared.records import Received
from shared.service import Service
from shared.topics import (
    JOB_EVENTS,
    LEAD_EVENTS,
    MAILS,
    MATCHES,
    OPERATOR_ACTS,
    PARTNERS,
    REPORTS,
    REQUESTS,
    STANDINGS,
    Topic,
)


@dataclass(frozen=True)
class ReadModel:
    """What a group makes of a topic. `collections` hold nothing else, and may be dropped when the group starts anew."""

    group: str
    topic: Topic
    collections: tuple[str, ...]
    handler: Callable[[Database], Handler]


def _projected(react: Callable[[Received], Iterable[Write]]) -> Callable[[Database], Handler]:
    return lambda database: Projection(database, react)


MERCHANTS_GROUP = "gateway.requests"
READ_MODELS = (
    ReadModel("gateway.partners", PARTNERS, (projections.PARTNERS,), _projected(projections.on_partner)),
    # Not the merchants: while they are dropped, none of them could sign in. Reading it all again changes none.
    ReadModel(MERCHANTS_GROUP, REQUESTS, (projections.REQUESTS,), _projected(projections.on_request)),
    ReadModel("gateway.jobs", JOB_EVENTS, (projections.JOBS, projections.TIMELINE), _projected(projections.on_job)),
    ReadModel("gateway.standings", STANDINGS, (projections.STANDINGS,), _projected(projections.on_standing)),
    ReadModel("gateway.leads", LEAD_EVENTS, (projections.LEADS,), _projected(projections.on_lead)),
    ReadModel(
        "gateway.matches",
        MATCHES,
        (explanations.EXPLANATIONS, explanations.ALTERNATIVES),
        _projected(explanations.on_match),
    ),
    ReadModel("gateway.mails", MAILS, (deliveries.DELIVERIES,), _projected(deliveries.on_mail)),
    ReadModel("gateway.reports", REPORTS, (oversight.REPORTS,), _projected(oversight.on_report)),
    ReadModel("gateway.operator-acts", OPERATOR_ACTS, (oversight.ACTS,), _projected(oversight.on_act)),
    ReadModel("gateway.search", JOB_EVENTS, (search_index.SEARCH, search_index.WORDS), search_index.Indexing),
)


def read_models(service: Service) -> None:
    database, catching_up = service.database, CatchingUp(service.database, service.clock)
    service.prepares(lambda: projections.prepare(database))
    service.prepares(lambda: search_index.prepare(database))
    service.prepares(lambda: deliveries.prepare(database))
    service.prepares(lambda: explanations.prepare(database))
    service.prepares(lambda: oversight.prepare(database))
    for model in READ_MODELS:
        service.hears(model.group, [model.topic], catching_up.watched(model.group, model.handler(database)))
