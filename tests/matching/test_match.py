"""A match: waves, answers, and when to give up."""

from uuid import UUID

import pytest

from services.matching.match import decide_with, evolve
from shared.contracts.base import derived_id
from shared.contracts.matching import (
    Answer,
    AnswerNoted,
    CloseMatch,
    Match,
    MatchClosed,
    MatchStatus,
    NoteAnswer,
    RequestMatched,
    RequestUnmatched,
    SelectPartners,
)
from shared.contracts.partners import Partner
from shared.contracts.requests import RequestKind
from shared.decisions import Rejection
from tests.builders import BY_SYSTEM, NOW, PARTNER_ID, REQUEST_ID, a_partner, details
from tests.matching.markets import a_crowd, a_market


class Matching:
    """One match over one market, told what happens."""

    def __init__(self, partners: list[Partner], per_wave: int = 2, waves: int = 3) -> None:
        self._decide = decide_with(a_market(*partners))
        self._limits = {"partners_per_wave": per_wave, "waves": waves}
        self.match: Match | None = None

    def start(self, about=None) -> list:
        return self._tell(SelectPartners(details=about or details(), actor=BY_SYSTEM, **self._limits))

    def hears(self, partner_id: UUID, answer: Answer) -> list:
        return self._tell(NoteAnswer(partner_id=partner_id, answer=answer, actor=BY_SYSTEM, **self._limits))

    def closes(self) -> list:
        return self._tell(CloseMatch(actor=BY_SYSTEM))

    def waiting(self) -> list[UUID]:
        return [asked.partner_id for asked in self.match.asked if asked.answer is None]

    def _tell(self, command) -> list:
        facts = self._decide(self.match, command, REQUEST_ID, NOW)
        for fact in [] if isinstance(facts, Rejection) else facts:
            self.match = evolve(self.match, fact, REQUEST_ID, NOW)
        return facts


def test_the_first_wave_asks_as_many_as_the_command_says() -> None:
    matching = Matching(a_crowd(5), per_wave=3)
    (matched,) = matching.start()
    assert (matched.wave, len(matched.selections)) == (1, 3)
    assert (matching.match.status, len(matching.waiting())) == (MatchStatus.WAITING, 3)


def test_a_request_is_matched_once() -> None:
    matching = Matching(a_crowd(5))
    assert matching.start()
    assert matching.start() == []


def test_when_nobody_fits_the_request_is_unmatched_and_says_so() -> None:
    matching = Matching([])
    assert matching.start() == [RequestUnmatched(details=details(), reason="nobody_eligible")]
    assert (matching.match.status, matching.match.wave) == (MatchStatus.UNMATCHED, 0)


def test_a_direct_request_goes_to_the_named_partner_alone() -> None:
    matching = Matching([*a_crowd(5), a_partner()])
    (matched,) = matching.start(details(RequestKind.DIRECT))
    assert [selection.partner_id for selection in matched.selections] == [PARTNER_ID]


def test_a_direct_request_to_a_partner_that_is_away_is_unmatched() -> None:
    matching = Matching([*a_crowd(5), a_partner(available=False)])
    (unmatched,) = matching.start(details(RequestKind.DIRECT))
    assert unmatched.reason == "partner_unavailable"


def test_the_next_wave_starts_when_everybody_has_declined_or_expired() -> None:
    matching = Matching(a_crowd(6))
    matching.start()
    first, second = matching.waiting()
    assert matching.hears(first, Answer.DECLINED) == [AnswerNoted(partner_id=first, answer=Answer.DECLINED)]
    noted, wave = matching.hears(second, Answer.EXPIRED)
    assert isinstance(noted, AnswerNoted)
    assert isinstance(wave, RequestMatched)
    assert wave.wave == matching.match.wave == 2
    assert not {first, second} & set(matching.waiting()), "Somebody is asked twice."


def test_a_reply_ends_the_search() -> None:
    matching = Matching(a_crowd(6))
    matching.start()
    first, second = matching.waiting()
    matching.hears(first, Answer.REPLIED)
    assert len(matching.hears(second, Answer.DECLINED)) == 1
    assert matching.match.status is MatchStatus.ANSWERED


def test_a_reply_still_counts_when_it_comes_after_the_others_have_declined() -> None:
    matching = Matching(a_crowd(6))
    matching.start()
    first, second = matching.waiting()
    matching.hears(first, Answer.DECLINED)
    matching.hears(second, Answer.REPLIED)
    assert matching.match.status is MatchStatus.ANSWERED


@pytest.mark.parametrize(("crowd", "waves", "asked"), [(9, 3, 6), (9, 1, 2), (3, 3, 3)])
def test_after_the_last_wave_or_the_last_partner_nobody_has_answered(crowd: int, waves: int, asked: int) -> None:
    matching = Matching(a_crowd(crowd), waves=waves)
    said = list(matching.start())
    while waiting := matching.waiting():
        said += matching.hears(waiting[0], Answer.DECLINED)
    assert said[-1] == RequestUnmatched(details=details(), reason="nobody_answered")
    assert (matching.match.status, len(matching.match.asked)) == (MatchStatus.UNMATCHED, asked)


def test_a_direct_request_has_no_second_wave() -> None:
    matching = Matching([*a_crowd(5), a_partner()])
    matching.start(details(RequestKind.DIRECT))
    _, unmatched = matching.hears(PARTNER_ID, Answer.DECLINED)
    assert unmatched.reason == "nobody_answered"


def test_only_the_first_answer_of_a_partner_counts() -> None:
    matching = Matching(a_crowd(6))
    matching.start()
    first, _ = matching.waiting()
    matching.hears(first, Answer.REPLIED)
    assert matching.hears(first, Answer.DECLINED) == []


def test_somebody_who_was_not_selected_has_no_answer() -> None:
    matching = Matching(a_crowd(6))
    matching.start()
    assert matching.hears(derived_id("stranger"), Answer.REPLIED).code == "not_selected"


def test_there_is_no_answer_before_the_match() -> None:
    with pytest.raises(ValueError, match="There is no match"):
        Matching([]).hears(PARTNER_ID, Answer.REPLIED)


def test_a_match_that_is_closed_asks_nobody_else() -> None:
    matching = Matching(a_crowd(5), per_wave=1)
    matching.start()
    assert matching.closes() == [MatchClosed()]
    assert matching.closes() == []
    (asked,) = matching.waiting()
    assert [type(fact) for fact in matching.hears(asked, Answer.DECLINED)] == [AnswerNoted]
    assert matching.match.status is MatchStatus.CLOSED


def test_an_answer_does_not_open_a_closed_match_again() -> None:
    matching = Matching(a_crowd(2), per_wave=1)
    matching.start()
    matching.closes()
    matching.hears(matching.waiting()[0], Answer.REPLIED)
    assert matching.match.status is MatchStatus.CLOSED
