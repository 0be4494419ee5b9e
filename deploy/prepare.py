"""Before a deployment starts: `python -m deploy.prepare [--seed]` makes the topics, and the market on request."""

import asyncio
import sys

from deploy.provision import provision
from deploy.seed import seed
from shared.settings import Settings


async def prepare(*, with_market: bool) -> None:
    settings = Settings()
    for name in await provision(settings):
        print(f"created {name}")  # noqa: T201 - a command's answer
    if with_market:
        print(f"{await seed(settings)} partners sent to partners.commands")  # noqa: T201 - as above


if __name__ == "__main__":
    asyncio.run(prepare(with_market="--seed" in sys.argv))
