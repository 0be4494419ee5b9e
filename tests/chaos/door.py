"""An HTTP door to the jobs, as gateway is one: it publishes commands and hears nothing, so that no consumer notices for
it what has become of its producer. SIGUSR1 makes its producer lose count.
"""

import asyncio
import signal

from fastapi import Request, Response
from pydantic import TypeAdapter
from starlette.applications import Starlette

from shared.commands import not_taken_while_away
from shared.http import application
from shared.process import run
from shared.publisher import KafkaPublisher, Outgoing
from shared.service import Service
from shared.settings import Settings
from shared.topics import JOB_COMMANDS

PATH = "/commands"
COMMANDS: TypeAdapter[list[tuple[str, str]]] = TypeAdapter(list[tuple[str, str]])
"""Keys and values."""


def build(service: Service) -> Starlette:
    app = application("Door", {PATH: 4 * 1024 * 1024})

    @app.post(PATH)
    async def take(request: Request) -> Response:
        commands = COMMANDS.validate_json(await request.body())
        with not_taken_while_away():
            await service.publisher.publish(
                [Outgoing(JOB_COMMANDS.name, key.encode(), value.encode()) for key, value in commands]
            )
        return Response(status_code=204)

    publisher = service.publisher
    assert isinstance(publisher, KafkaPublisher)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, lose_count, publisher)
    return app


def lose_count(publisher: KafkaPublisher) -> None:
    """What a lost answer at the wrong moment does to aiokafka for good: the broker has seen other sequence numbers."""
    numbers = publisher._producer._txn_manager._sequence_numbers if publisher._producer else {}
    for partition in numbers:
        numbers[partition] += 5


if __name__ == "__main__":
    run("gateway", build, Settings())
