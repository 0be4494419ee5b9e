"""`jobwire mails`: look at mails, and give a person's word about those that nothing is done with by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from shared.contracts.base import Locale
from shared.mongo import Database, Mongo
from shared.settings import Settings

mails = typer.Typer(name="mails", help="Look at mails.", no_args_is_help=True)


@mails.command("preview")
def preview_command(
    template: Annotated[str | None, typer.Option("--template", help="Only this mail.")] = None,
    locale: Annotated[Locale | None, typer.Option("--locale", help="Only this language.")] = None,
    out: Annotated[Path, typer.Option("--out", help="Where the files go.")] = Path(".jobwire/mails"),
) -> None:
    """Write every mail in every language to .txt and .html files, filled with example data. Needs no servers."""
    from deploy.previews import previews, write  # noqa: PLC0415 - only this command needs the templates

    try:
        for path, preview in write(out, previews(template, locale)):
            typer.echo(f"{path}  {preview.subject}")
    except LookupError as error:
        raise typer.BadParameter(str(error)) from None


@mails.command("suppressed")
def suppressed_command(
    forget: Annotated[str | None, typer.Option("--forget", help="Send to this address again.")] = None,
) -> None:
    """List the addresses that nothing is sent to, because the mail server has said that nobody is there."""
    if forget is None:
        for line in asyncio.run(_suppressed()):
            typer.echo(line)
    elif not asyncio.run(_forget(forget)):
        typer.echo(f"{forget} is not suppressed.", err=True)
        raise typer.Exit(1)


@mails.command("uncertain")
def uncertain_command(
    again: Annotated[
        list[UUID] | None, typer.Option("--again", help="Send this one once more; may be repeated.")
    ] = None,
) -> None:
    """List the mails that may or may not have arrived: the connection broke, or the sender died, at the last byte."""
    if again:
        typer.echo(f"{asyncio.run(_again(again))} mails are queued once more.")
        return
    for line in asyncio.run(_uncertain()):
        typer.echo(line)


@mails.command("relay")
def relay_command() -> None:
    """Say whether mails are sent, and if they are not, since when, what the mail server says, and how many wait."""
    for line in asyncio.run(_relay()):
        typer.echo(line)


async def _relay() -> list[str]:
    from services.notifications.outbox import Outbox  # noqa: PLC0415 - only these commands need a database
    from services.notifications.relay import state_of  # noqa: PLC0415 - as above

    async with _notifications() as database:
        paused, waiting = await state_of(database["relay"]), await Outbox(database).waiting(datetime.now(UTC))
    counts = f"{waiting['due']} mails are due, {waiting['later']} wait for their time."
    if paused is None:
        return [f"Mails are sent. {counts}"]
    return [
        f"No mail is sent since {paused['since']:%Y-%m-%d %H:%M} UTC. {counts}",
        f"It failed {paused['failures']} times in a row; one mail tries again at {paused['until']:%H:%M:%S} UTC.",
        f"It said: {paused['error']}",
    ]


async def _suppressed() -> list[str]:
    from services.notifications.refusals import Refusals  # noqa: PLC0415 - only these commands need a database

    async with _notifications() as database:
        found = await Refusals(database).suppressed()
    return [f"{one['_id']}  {one['at']:%Y-%m-%d %H:%M} UTC  {one['error']}" for one in found]


async def _forget(address: str) -> bool:
    from services.notifications.refusals import Refusals  # noqa: PLC0415 - as above

    async with _notifications() as database:
        return await Refusals(database).forget(address)


async def _uncertain() -> list[str]:
    from services.notifications.outbox import Outbox  # noqa: PLC0415 - as above

    async with _notifications() as database:
        found = await Outbox(database).uncertain()
    return [f"{one['_id']}  {one['ended_at']:%Y-%m-%d %H:%M} UTC  {one['template']}  {one['to']}" for one in found]


async def _again(mail_ids: list[UUID]) -> int:
    from services.notifications.outbox import Outbox  # noqa: PLC0415 - as above

    async with _notifications() as database:
        return await Outbox(database).again(mail_ids, datetime.now(UTC))


@asynccontextmanager
async def _notifications() -> AsyncIterator[Database]:
    settings = Settings()
    mongo = Mongo.connect(settings.mongodb_uri.get_secret_value(), driver=settings.mongodb_driver)
    try:
        yield mongo.database(settings.database("notifications"))
    finally:
        await mongo.close()
