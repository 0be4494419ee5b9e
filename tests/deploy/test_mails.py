"""`jobwire mails`: what it writes without any server."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli.app import app
from deploy.mail_examples import MAILS
from shared.contracts.base import Locale


def preview(*options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["mails", "preview", *options])
    return result.exit_code, result.output


@pytest.mark.slow
def test_every_mail_in_every_language_is_written_and_listed(tmp_path: Path) -> None:
    code, listed = preview("--out", str(tmp_path))
    texts = sorted(tmp_path.glob("*.txt"))
    assert code == 0
    assert len(texts) == len(MAILS) * len(Locale) == len(list(tmp_path.glob("*.html")))
    assert all(str(path) in listed for path in texts)
    assert all(path.read_text().splitlines()[0] in listed for path in texts)


def test_one_mail_in_one_language(tmp_path: Path) -> None:
    code, _ = preview("--template", "lead_review_request", "--locale", "ja", "--out", str(tmp_path))
    assert code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"lead_review_request.ja.txt", "lead_review_request.ja.html"}


def test_a_mail_that_does_not_exist_is_named_with_those_that_do(tmp_path: Path) -> None:
    code, said = preview("--template", "newsletter", "--out", str(tmp_path))
    assert code == 2
    assert "new_job" in said
