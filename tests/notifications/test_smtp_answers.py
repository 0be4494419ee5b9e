"""What real servers say, and whom or what they speak of."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from services.notifications.smtp_answers import Verdict, session_verdict, verdict_of


class Answer(NamedTuple):
    server: str
    code: int
    text: str
    verdict: Verdict


def answers() -> Iterator[Answer]:
    with Path(__file__).with_name("smtp_answers.tsv").open(encoding="utf-8") as file:
        for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            if not row[0].startswith("#"):
                server, code, text, verdict = row
                yield Answer(server, int(code), text.replace("\\n", "\n"), Verdict(verdict))


ANSWERS = list(answers())


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: f"{answer.server}: {answer.code} {answer.text[:40]}")
def test_a_server_that_says_this_means_that(answer: Answer) -> None:
    assert verdict_of(answer.code, answer.text) is answer.verdict


def test_the_table_has_many_servers_and_every_verdict() -> None:
    assert len({answer.server.partition(",")[0] for answer in ANSWERS}) >= 40
    assert {answer.verdict for answer in ANSWERS} == set(Verdict)


@pytest.mark.parametrize("verdict", Verdict)
def test_only_a_mailbox_that_does_not_exist_is_not_written_to_again(verdict: Verdict) -> None:
    assert verdict.consequences.suppresses is (verdict is Verdict.NOBODY)


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict.consequences.pauses])
def test_what_pauses_everybody_costs_no_mail_an_attempt(verdict: Verdict) -> None:
    assert verdict.consequences.comes_again
    assert not verdict.consequences.costs


@pytest.mark.parametrize("code", [421, 451, 454, 501, 530, 535, 550, 554])
def test_before_a_recipient_is_named_every_refusal_is_about_us_or_the_server(code: int) -> None:
    assert session_verdict(code).consequences.pauses
