"""The commands and their options. What they do stands in the modules they call."""

import asyncio
from typing import Annotated

import typer

from deploy.cli import tables
from deploy.cli.mails import mails
from deploy.cli.match import match
from deploy.cli.up import Mode, up

app = typer.Typer(
    name="jobwire", help="The job desk of an experts marketplace.", no_args_is_help=True, add_completion=False
)
app.add_typer(mails)
app.add_typer(match)


@app.command("up")
def up_command(
    once: Annotated[bool, typer.Option("--once", help="Walk the main job once, stop everything, exit 0 or 1.")] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Walk the main job once, then stay up for you to try.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Start Kafka, MongoDB, a mail catcher and the five services on this machine.

    KAFKA_BOOTSTRAP_SERVERS, MONGODB_URI and SMTP_URL (with MAIL_API_URL) name servers to use instead. Data stay in
    `.jobwire`.
    """
    mode = Mode.ONCE if once else Mode.DEMO if demo else Mode.STAY
    raise typer.Exit(asyncio.run(up(mode, as_json=json)))


@app.command("topics")
def topics_command(
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print the flow as a Mermaid chart instead.")] = False,
) -> None:
    """Print the table of topics: who says what, who hears it, how long it is kept."""
    if mermaid:
        typer.echo(tables.flow_diagram())
    else:
        tables.print_topics()


@app.command("seed")
def seed_command() -> None:
    """Register the invented market of 200 partners with the running services. Doing it again changes nothing."""
    from deploy.seed import seed  # noqa: PLC0415 - only this command needs a broker
    from shared.settings import Settings  # noqa: PLC0415

    typer.echo(f"{asyncio.run(seed(Settings()))} partners sent to partners.commands.")


@app.command("rebuild")
def rebuild_command(
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it. Until the gateway has read all, its lists are short.")
    ] = False,
) -> None:
    """Have the gateway build its read models anew from the topics: drop them and set their groups back to the start.

    Stop every gateway before and start it after. Sessions, read marks and files stay.
    """
    from deploy.rebuild import GatewayRuns, rebuild  # noqa: PLC0415 - as above
    from services.gateway.read.models import READ_MODELS  # noqa: PLC0415 - as above
    from shared.settings import Settings  # noqa: PLC0415 - as above

    names = ", ".join(name for model in READ_MODELS for name in model.collections)
    if not yes:
        typer.echo(f"This drops {names} of the gateway. Say --yes to do it.", err=True)
        raise typer.Exit(2)
    try:
        asyncio.run(rebuild(Settings()))
    except GatewayRuns as running:
        typer.echo(f"Nothing is rebuilt. {running}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"Dropped: {names}. The gateway's next start reads them from the topics again.")


def main() -> None:
    app()
