"""Lets the gateway build its read models anew: its next start reads their topics from the first record."""

from deploy.groups import Groups
from services.gateway.read.catching_up import REBUILD_HOLDS, note
from services.gateway.read.models import READ_MODELS
from shared.clock import SystemClock
from shared.mongo import Mongo
from shared.settings import Settings


class GatewayRuns(Exception):  # noqa: N818 - says what is the case
    """Some gateway is there: it would go on from where it is, into collections that are gone."""


async def rebuild(settings: Settings) -> list[str]:
    """Drop the read models and set their groups back to the start; gives the collections. Raises `GatewayRuns`.

    The groups come first: if this ends in between, the gateway reads everything into what is there, which changes
    nothing. Sessions, merchants, read marks, files and the partners are no read models and stay.
    """
    async with Groups(settings) as groups:
        await _check_nobody_runs(groups)
        for model in READ_MODELS:
            await groups.to_start(model.group, [model.topic.name])
        collections = [name for model in READ_MODELS for name in model.collections]
        mongo = Mongo.connect(settings.mongodb_uri.get_secret_value(), driver=settings.mongodb_driver)
        try:
            database = mongo.database(settings.database("gateway"))
            await note(database, [model.group for model in READ_MODELS], SystemClock().now() + REBUILD_HOLDS)
            for name in collections:
                await database[name].drop()
        finally:
            await mongo.close()
        await _check_nobody_runs(groups)  # who came meanwhile may have written what has been dropped
    return collections


async def _check_nobody_runs(groups: Groups) -> None:
    if running := await groups.with_members(model.group for model in READ_MODELS):
        somebody = f"A gateway is running: somebody is in {', '.join(running)}."
        raise GatewayRuns(f"{somebody} Stop every gateway first; one that was killed is missed after half a minute.")
