"""A match: waves, answers, and when to give up."""

from datetime import timedelta
from uuid import UUID

import pytest

from services.matching.match import decide_with, evolve, likely_answers, still_replies, timer
from services.matching.selection import choosing
from shared.contracts.base import derived_id
from shared.contracts.matching import (
    Answer,
    AnswerNoted,
    Asked,
    CloseMatch,
    Match,
    MatchClosed,
    MatchStatus,
    NoteAnswer,
    RequestMatched,
    RequestUnmatched,
    SelectPartners,
    StartWave,
    WavePostponed,
)
from shared.contracts.partners import Partner
from shared.contracts.requests import RequestKind
from shared.decisions import Rejection
from tests.builders import BY_SYSTEM, NOW, PARTNER_ID, REQUEST_ID, a_partner, details
from tests.matching.markets import WITHOUT_LUCK, a_crowd, a_market


class Matching:
    """One match over one market, told what happens."""

    def __init__(
        self, partners: list[Partner], per_wave: int = 2, waves: int = 3, wanted: int = 1, checks: tuple[int, ...] = ()
    ) -> None:
        self._decide = decide_with(choosing(a_market(*partners), WITHOUT_LUCK), "plain")
        self._limits = {
            "partners_per_wave": per_wave,
            "waves": waves,
            "wanted_answers": wanted,
            "check_after_seconds": checks,
        }
        self.match: Match | None = None
        self.at = NOW

    def start(self, about=None) -> list:
        return self._tell(SelectPartners(details=about or details(), actor=BY_SYSTEM, **self._limits))

    def hears(self, partner_id: UUID, answer: Answer) -> list:
        return self._tell(NoteAnswer(partner_id=partner_id, answer=answer, actor=BY_SYSTEM, **self._limits))

    def closes(self, *, stopped: bool = False) -> list:
        return self._tell(CloseMatch(stopped=stopped, actor=BY_SYSTEM))

    def waiting(self) -> list[UUID]:
        return [asked.partner_id for asked in self.match.asked if asked.answer is None]

    def looks(self, hours: int) -> list:
        """The clock says that a check is due, so many hours after the start."""
        self.at = NOW + timedelta(hours=hours)
        return self._tell(StartWave(due_at=self.match.next_wave_at, actor=BY_SYSTEM, **self._limits))

    def _tell(self, command) -> list:
        facts = self._decide(self.match, command, REQUEST_ID, self.at)
        for fact in [] if isinstance(facts, Rejection) else facts:
            self.match = evolve(self.match, fact, REQUEST_ID, self.at)
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


def test_a_direct_request_to_a_partner_that_is_away_is_unmatched_and_others_are_offered() -> None:
    crowd = a_crowd(5)
    matching = Matching([*crowd, a_partner(available=False)])
    (unmatched,) = matching.start(details(RequestKind.DIRECT))
    assert unmatched.reason == "partner_unavailable"
    assert len(unmatched.alternatives) == 3
    assert set(unmatched.alternatives) <= {partner.partner_id for partner in crowd}


def test_a_partner_that_was_asked_by_name_and_declines_is_no_alternative_to_itself() -> None:
    matching = Matching([*a_crowd(1), a_partner()])
    matching.start(details(RequestKind.DIRECT))
    _, unmatched = matching.hears(PARTNER_ID, Answer.DECLINED)
    assert (unmatched.reason, len(unmatched.alternatives)) == ("nobody_answered", 1)
    assert PARTNER_ID not in unmatched.alternatives


def test_a_decline_that_makes_too_few_answers_likely_starts_the_next_wave_at_once() -> None:
    """Of two newcomers with even chances one answer is likely: when one declines, half an answer is left."""
    matching = Matching(a_crowd(6))
    matching.start()
    first, second = matching.waiting()
    noted, wave = matching.hears(first, Answer.DECLINED)
    assert noted == AnswerNoted(partner_id=first, answer=Answer.DECLINED)
    assert isinstance(wave, RequestMatched)
    assert (wave.wave, len(wave.selections)) == (2, 1), "As many as make up for what is missing, and no more."
    assert matching.match.wave == 2
    assert not {first, second} & {selection.partner_id for selection in wave.selections}, "Somebody is asked twice."


def test_a_decline_changes_nothing_while_enough_answers_are_likely() -> None:
    matching = Matching(a_crowd(9), per_wave=4)
    matching.start()
    assert len(matching.hears(matching.waiting()[0], Answer.DECLINED)) == 1
    assert len(matching.hears(matching.waiting()[0], Answer.DECLINED)) == 1
    assert len(matching.hears(matching.waiting()[0], Answer.DECLINED)) == 2, "Half an answer is too few."


def test_several_answers_can_be_wanted() -> None:
    matching = Matching(a_crowd(9), per_wave=4, wanted=2)
    matching.start()
    matching.hears(matching.waiting()[0], Answer.REPLIED)
    assert len(matching.hears(matching.waiting()[0], Answer.DECLINED)) == 1
    _, wave = matching.hears(matching.waiting()[0], Answer.DECLINED)
    assert (wave.wave, matching.match.status) == (2, MatchStatus.ANSWERED), "An answer stays an answer."


def test_whoever_has_an_answer_is_not_looked_for_any_more_when_the_others_expire() -> None:
    matching = Matching(a_crowd(9), per_wave=2, wanted=2)
    matching.start()
    first, second = matching.waiting()
    matching.hears(first, Answer.REPLIED)
    assert len(matching.hears(second, Answer.EXPIRED)) == 1


def test_at_its_times_a_silent_wave_is_looked_after() -> None:
    """An even chance, replies after a day on average: after two silent days little is left to hope for."""
    matching = Matching(a_crowd(9), per_wave=4, checks=(6 * 3600, 48 * 3600))
    matching.start()
    assert timer(matching.match).due_at == NOW + timedelta(hours=6)
    assert matching.looks(6) == [WavePostponed()]
    assert timer(matching.match).due_at == NOW + timedelta(hours=48)
    (wave,) = matching.looks(48)
    assert isinstance(wave, RequestMatched)
    assert timer(matching.match).due_at == matching.at + timedelta(hours=6), "The new wave is looked after, too."


def test_after_the_last_check_and_the_last_wave_nothing_is_due() -> None:
    matching = Matching(a_crowd(9), waves=1, checks=(3600,))
    matching.start()
    assert timer(matching.match) is None
    matching = Matching(a_crowd(2), per_wave=2, checks=(3600,))
    matching.start()
    assert matching.looks(1) == [WavePostponed()], "There is nobody else."
    assert timer(matching.match) is None


def test_a_check_that_was_overtaken_is_refused() -> None:
    matching = Matching(a_crowd(9), per_wave=4, checks=(3600,))
    matching.start()
    assert matching.looks(0).code == "not_due"


def test_silence_makes_a_reply_less_likely() -> None:
    asked = Asked(partner_id=PARTNER_ID, wave=1, asked_at=NOW, chance=0.6, reply_seconds=24 * 3600.0)
    likely = [still_replies(asked, NOW + timedelta(hours=hours)) for hours in (0, 6, 24, 72)]
    assert likely[0] == pytest.approx(0.6)
    assert likely == sorted(likely, reverse=True)
    assert likely[2] == pytest.approx(0.6 * 0.367879 / (0.6 * 0.367879 + 0.4), rel=1e-3)
    assert likely_answers([asked.model_copy(update={"answer": Answer.REPLIED}), asked], NOW) == pytest.approx(1.6)
    assert still_replies(asked.model_copy(update={"answer": Answer.EXPIRED}), NOW) == 0


def test_a_reply_ends_the_search() -> None:
    matching = Matching(a_crowd(6))
    matching.start()
    first, second = matching.waiting()
    matching.hears(first, Answer.REPLIED)
    assert len(matching.hears(second, Answer.DECLINED)) == 1
    assert matching.match.status is MatchStatus.ANSWERED


def test_a_reply_still_counts_when_it_comes_after_the_others_have_declined() -> None:
    matching = Matching(a_crowd(2))
    matching.start()
    first, second = matching.waiting()
    matching.hears(first, Answer.DECLINED)
    matching.hears(second, Answer.REPLIED)
    assert matching.match.status is MatchStatus.ANSWERED


@pytest.mark.parametrize(("crowd", "waves", "asked"), [(9, 3, 4), (9, 1, 2), (3, 3, 3)])
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


def test_what_its_merchant_has_closed_can_still_be_stopped_once() -> None:
    matching = Matching(a_crowd(2), per_wave=1)
    matching.start()
    assert matching.closes() == [MatchClosed()]
    assert matching.closes(stopped=True) == [MatchClosed(stopped=True)]
    for stopped in (True, False):
        assert matching.closes(stopped=stopped) == []
    assert matching.match.stopped
