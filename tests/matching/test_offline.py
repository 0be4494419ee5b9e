"""Matching over standard input and output: the same log gives the same bytes, however often and wherever it stops."""

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.matching.evaluation import evaluate
from services.matching.learning import EXPIRED, REACH
from services.matching.offline import Matcher
from services.matching.weights import Weights
from shared.contracts.codec import encode
from shared.contracts.matching import RequestMatched, RequestUnmatched
from shared.contracts.partners import PartnerChanged
from shared.contracts.requests import RequestConfirmed, RequestStatus, RequestSubmitted
from shared.settings import Settings
from shared.topics import MATCHES
from tests.builders import HOUR, NOW, REQUEST_ID, a_partner, a_request, an_event, an_offer
from tests.matching.town import EXPIRES, REPLIES, Town

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]
OTHERS = Weights(
    name="others", priorities=0.05, chance=0.7, answers=0.05, fit=0.05, craft=0.05, language=0.05, share=0.05
)


async def a_busy_town(requests: int = 60, seed: int = 3, **options: Any) -> Town:
    """Partners of very different reliability, and what became of so many requests."""
    random_ = random.Random(seed)

    def habit(replies: float):
        ends = sorted(REACH.keys() - {EXPIRED})
        return lambda _about, _number: REPLIES if random_.random() < replies else random_.choice([EXPIRES, *ends])

    names = [f"Firm {number}" for number in range(12)]
    habits = {name: habit(0.1 + 0.07 * number) for number, name in enumerate(names)}
    offers = [(an_offer("seo", price=str(200 + 300 * number)), an_offer("video")) for number in range(12)]
    partners = [a_partner(name, services=offer) for name, offer in zip(names, offers, strict=True)]
    town = Town(habits, partners, **options)

    await town.opens()
    for _ in range(requests // 2):
        await town.lives(1, "seo")
        await town.lives(1, "video")
    await town.passes(timedelta(days=5))
    return town


@pytest.fixture(scope="module")
def town() -> Town:
    return asyncio.run(a_busy_town())


def heard(town: Town) -> list[bytes]:
    """What went into matching, as lines."""
    return [encode(event) for event in town.log if not isinstance(event.fact, RequestMatched)]


def jobwire(*arguments: str, lines: Sequence[bytes] = (), status: int = 0) -> tuple[list[bytes], str]:
    ran = subprocess.run(
        [sys.executable, "-m", "deploy.cli", *arguments],
        input=b"".join(line + b"\n" for line in lines),
        capture_output=True,
        cwd=ROOT,
        check=False,
    )
    assert ran.returncode == status, ran.stderr.decode()
    return ran.stdout.splitlines(), ran.stderr.decode()


def test_the_same_log_gives_the_same_bytes_and_so_does_a_restart_in_the_middle(town: Town, tmp_path: Path) -> None:
    lines = heard(town)
    once, _ = jobwire("match", "--waves", "1", lines=lines)
    assert len(once) >= 60, "Each request, and whatever nobody answered."
    assert jobwire("match", "--waves", "1", lines=lines)[0] == once
    first_half, _ = jobwire("match", "--waves", "1", lines=lines[: len(lines) // 2])
    (tmp_path / "said").write_bytes(b"\n".join(first_half))
    rest, _ = jobwire("match", "--waves", "1", "--said", str(tmp_path / "said"), lines=lines)
    assert 0 < len(first_half) < len(once)
    assert first_half + rest == once


def test_what_differs_from_what_was_said_before_is_told(town: Town, tmp_path: Path) -> None:
    (tmp_path / "said").write_bytes(b"{}")
    out, told = jobwire("match", "--said", str(tmp_path / "said"), lines=heard(town), status=2)
    assert out == []
    assert "differs in its line 1" in told


def test_what_comes_out_is_what_the_topic_carries(town: Town) -> None:
    out, _ = jobwire("match", lines=heard(town))
    facts = [MATCHES.codec.decode(line).fact for line in out]
    assert {type(fact) for fact in facts} <= {RequestMatched, RequestUnmatched}


def test_an_answer_comes_before_the_next_line_is_read() -> None:
    """Whoever pipes a request waits for its match before it can say what became of it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", "match"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    partner, request = a_partner(), a_request()
    for event in (
        an_event(PartnerChanged(), partner, subject=partner.partner_id),
        an_event(RequestSubmitted(details=request.details), request, subject=REQUEST_ID),
    ):
        process.stdin.write(encode(event) + b"\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["type"] == "RequestMatched"
    process.stdin.close()
    assert process.wait() == 0
    process.stdout.close()


def test_a_line_that_is_no_record_is_told_with_its_number_and_nothing_else_is_lost(town: Town) -> None:
    lines = heard(town)
    broken = [lines[0], b"{", b'{"type": "Nonsense"}', b'{"type": "JobReplied"}', b"[1]", b"", *lines[1:]]
    out, told = jobwire("match", "--waves", "1", lines=broken, status=1)
    assert out == jobwire("match", "--waves", "1", lines=lines)[0]
    assert [line.split(":")[:2] for line in told.splitlines()] == [
        ["line 2", " not-json"],
        ["line 3", " unknown-type"],
        ["line 4", " missing-field"],
        ["line 5", " missing-field"],
    ]


def test_weights_that_make_no_sense_are_refused_with_the_file_and_the_reason(tmp_path: Path) -> None:
    (tmp_path / "w.json").write_text('{"chance": 0.9}')
    _, told = jobwire("match", "--weights", str(tmp_path / "w.json"), status=2)
    assert "add up to" in " ".join(told.split())
    _, told = jobwire("match", "--weights", "none.json", status=2)
    assert "No such file" in " ".join(told.split())


async def test_a_request_is_matched_once_be_it_submitted_or_confirmed() -> None:
    matcher = Matcher()
    partner = a_partner()
    await matcher.take(an_event(PartnerChanged(), partner, subject=partner.partner_id))
    request = a_request()
    submitted = an_event(RequestSubmitted(details=request.details), request, subject=REQUEST_ID)
    confirmed = an_event(RequestConfirmed(), a_request(RequestStatus.CONFIRMED, version=2), subject=REQUEST_ID)
    assert len(await matcher.take(submitted)) == 1
    assert await matcher.take(confirmed) == []
    patient = Matcher(confirmed_only=True)
    await patient.take(an_event(PartnerChanged(), partner, subject=partner.partner_id))
    assert await patient.take(submitted) == []
    assert len(await patient.take(confirmed)) == 1


async def test_a_wave_that_is_due_comes_before_the_next_record() -> None:
    """The log's time is the clock: a silent day and a half passes between two lines."""
    matcher = Matcher(Settings(partners_per_wave=1, wanted_answers=1, check_after_seconds=(24 * 3600,)))
    for number in range(3):
        partner = a_partner(f"Firm {number}")
        await matcher.take(an_event(PartnerChanged(), partner, subject=partner.partner_id))
    request = a_request()
    await matcher.take(an_event(RequestSubmitted(details=request.details), request, subject=REQUEST_ID))
    partner = a_partner("Late")
    said = await matcher.take(an_event(PartnerChanged(), partner, subject=partner.partner_id, at=NOW + 36 * HOUR))
    (wave,) = [MATCHES.codec.decode(one.value) for one in said]
    assert (wave.fact.wave, wave.time) == (2, NOW + timedelta(days=1))


async def judged(town: Town, *weights: Weights) -> Any:
    return await evaluate(town.log, weights)


async def test_the_weights_that_made_a_log_would_have_been_worth_what_they_were(town: Town) -> None:
    """The probabilities in the log are those of the draws, so each chosen partner counts exactly once."""
    waves, worth, (same,) = await judged(town, Weights())
    assert waves == 60
    assert same.inverse_propensity.mean == pytest.approx(worth)
    assert same.effective == pytest.approx(waves)
    assert same.covered > 0.9


async def test_other_weights_are_estimated_close_to_what_they_really_are_worth() -> None:
    """Both estimates, from a log of wide draws, are held against a town that really lived with the other weights."""
    wide = Weights(exploration=3)
    recorded, real = await a_busy_town(160, weights=wide), await a_busy_town(160, weights=OTHERS)
    _, worth, (_, other) = await judged(recorded, wide, OTHERS)
    _, truth, _ = await judged(real, OTHERS)
    assert other.covered > 0.8
    assert truth > worth, "The weights make a difference that can be estimated."
    for estimate in (other.inverse_propensity, other.doubly_robust):
        assert abs(estimate.mean - truth) < 0.1


def test_evaluate_tells_both_weights_side_by_side(town: Town, tmp_path: Path) -> None:
    (tmp_path / "others.json").write_text(OTHERS.model_dump_json())
    log = tmp_path / "log.jsonl"
    jobwire("match", "--waves", "1", "--record", str(log), lines=heard(town))
    out, _ = jobwire(
        "match", "evaluate", "--log", str(log), "--weights", "", "--weights", str(tmp_path / "others.json")
    )
    assert [line.split()[0].decode() for line in out[2:]] == ["standard", "others"]
    told, _ = jobwire("match", "evaluate", "--log", str(log), "--json")
    assert json.loads(b"".join(told))["waves"] == 60


def test_a_log_without_ends_cannot_be_judged(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text("")
    _, told = jobwire("match", "evaluate", "--log", str(tmp_path / "log.jsonl"), status=1)
    assert "tells of no wave to its end" in told
