"""A few seconds of `tests.security.fuzz`, the same ones each time."""

import pytest

from tests.patience import patience
from tests.security.fuzz import fuzz


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
def test_nothing_that_anybody_sends_to_the_public_side_breaks_it() -> None:
    told: list[str] = []
    report = fuzz(patience(6), 1, told.append)
    assert told == []
    assert report.requests > 100
