"""`jobwire match`: matching by itself, over standard input and output; and what other weights would have been worth."""

import asyncio
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from shared.failures import Invalid

match = typer.Typer(name="match", help="Match without servers.", invoke_without_command=True)

Weighed = Annotated[list[str] | None, typer.Option("--weights", help="A file of weights; may be repeated.")]


@match.callback()
def match_command(  # noqa: PLR0913, PLR0917 - options
    context: typer.Context,
    weights: Annotated[str, typer.Option("--weights", help="A file of weights instead of the standard ones.")] = "",
    partners: Annotated[int, typer.Option("--partners", min=1, help="Partners asked at once.")] = 4,
    waves: Annotated[int, typer.Option("--waves", min=1, help="How often others are asked.")] = 3,
    wanted: Annotated[int, typer.Option("--wanted", min=1, help="Others are asked while fewer are likely.")] = 3,
    confirmed_only: Annotated[
        bool, typer.Option("--confirmed-only", help="Wait for RequestConfirmed, as the service does.")
    ] = False,
    said: Annotated[
        Path | None, typer.Option("--said", help="What an earlier run wrote for this log: it is not written again.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option("--record", help="Write the whole log there: what went in, and what came of it.")
    ] = None,
) -> None:
    """Read the records of the topics as JSON lines, in the order of the log, and write what matching says.

    PartnerChanged, RequestSubmitted, RequestConfirmed, JobCreated, JobReplied, JobDeclined, JobExpired, JobReviewed and
    whatever else matching hears go in; RequestMatched and RequestUnmatched come out, each at once. No Kafka and no
    MongoDB: the rules are the service's own, the time is the log's. A line that is no record is told on standard error
    and left out; then the exit status is 1.
    """
    if context.invoked_subcommand is not None:
        return
    from services.matching.offline import Matcher  # noqa: PLC0415 - only this command needs the rules
    from shared.settings import Settings  # noqa: PLC0415 - as above

    settings = Settings(partners_per_wave=partners, waves=waves, wanted_answers=wanted)
    matcher = Matcher(settings, _weights(weights), confirmed_only=confirmed_only)
    known = said.read_bytes().splitlines() if said else []
    with record.open("wb") if record else nullcontext() as log:
        status = asyncio.run(_match(matcher, sys.stdin.buffer, sys.stdout.buffer, known, log))
    raise typer.Exit(status)


@match.command("evaluate")
def evaluate_command(
    log: Annotated[Path, typer.Option("--log", exists=True, dir_okay=False, help="Recorded JSON lines.")],
    weights: Weighed = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Estimate from a recorded log what other weights would have been worth: replies per partner asked.

    The log must hold RequestMatched with the probabilities, and what became of the jobs. Without --weights, the
    standard ones are judged.
    """
    from services.matching.evaluation import evaluate  # noqa: PLC0415 - as above

    candidates = [_weights(one) for one in weights or [""]]
    broken: list[int] = []
    with log.open("rb") as lines:
        records = [record for _, record in _records(lines, broken)]
    waves, worth, verdicts = asyncio.run(evaluate(records, candidates))
    if not waves:
        typer.echo(f"{log} tells of no wave to its end: RequestMatched, and the answer of each job.", err=True)
        raise typer.Exit(1)
    _tell(waves, worth, verdicts, as_json=json)
    raise typer.Exit(1 if broken else 0)


async def _match(matcher: Any, lines: BinaryIO, out: BinaryIO, known: list[bytes], log: BinaryIO | None) -> int:
    """Exit status: 0, 1 when a line was no record, 2 when an earlier run has said something else."""
    broken: list[int] = []
    written = 0
    for line, record in _records(lines, broken):
        said = _told(await matcher.take(record))
        if log:
            log.writelines(value + b"\n" for value in (line.strip(), *said))
        for value in said:
            if written >= len(known):
                out.write(value + b"\n")
                out.flush()
            elif known[written] != value:
                typer.echo(f"What was said before differs in its line {written + 1}: another log or weights?", err=True)
                return 2
            written += 1
    return 1 if broken else 0


def _records(lines: BinaryIO, broken: list[int]) -> Any:
    from services.matching.offline import record_of  # noqa: PLC0415 - as above

    for number, line in enumerate(iter(lines.readline, b""), start=1):
        if not line.strip():
            continue
        try:
            yield line, record_of(line)
        except Invalid as invalid:
            broken.append(number)
            typer.echo(f"line {number}: {invalid.reason}: {invalid.detail}", err=True)


def _told(said: list[Any]) -> list[bytes]:
    from services.matching.offline import tells_outcome  # noqa: PLC0415 - as above

    return [one.value for one in said if tells_outcome(one)]


def _weights(path: str) -> Any:
    from services.matching.weights import BadWeights, weights_in  # noqa: PLC0415 - as above

    try:
        return weights_in(path)
    except BadWeights as bad:
        raise typer.BadParameter(str(bad), param_hint="--weights") from None


def _tell(waves: int, worth: float, verdicts: list[Any], *, as_json: bool) -> None:
    if as_json:
        from pydantic_core import to_json  # noqa: PLC0415 - as above

        typer.echo(to_json({"waves": waves, "logged": worth, "candidates": verdicts}).decode())
        return
    typer.echo(f"{waves} waves to their end; {worth:.3f} replies per partner asked")
    typer.echo(f"{'':<20}{'inverse propensity':>26}{'doubly robust':>26}{'effective':>11}{'covered':>9}")
    for one in verdicts:
        parts = [f"{e.mean:.3f} [{e.low:.3f}, {e.high:.3f}]" for e in (one.inverse_propensity, one.doubly_robust)]
        typer.echo(f"{one.weights:<20}{parts[0]:>26}{parts[1]:>26}{one.effective:>11.0f}{one.covered:>9.2f}")
