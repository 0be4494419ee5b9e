"""An explanation of matching in words: why a partner was asked or was not, and what it can do about it. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from services.gateway.read.explanations import LUCK, Explanation, Part
from shared.contracts.base import Locale
from shared.contracts.matching import Why
from shared.i18n import N_, gettext, listing, ngettext, number

MOST_COUNTED = 3
WEAK = 0.5
"""The value below which a factor is one to do something about."""


class Told(NamedTuple):
    """A factor as a part of a sentence, and what a partner can do about it where it is weak."""

    label: str
    advice: str


FACTORS: Mapping[str, Told] = {
    "time": Told(
        N_("how fast you deliver and write back"),
        N_(
            "Half of it is how soon your service can be delivered, half how soon you usually write back. "
            "Keep your delivery times up to date, and answer early."
        ),
    ),
    "cost": Told(
        N_("your price against the budget"),
        N_(
            "Your starting price counts in full at half the budget or less, and not at all at twice the budget. "
            "Check whether it still fits."
        ),
    ),
    "quality": Told(
        N_("your reviews"),
        N_("Ask for a review when the work is done: ratings count, and so does how many there are."),
    ),
    "chance": Told(
        N_("how likely you are to reply to such a request"),
        N_(
            "Replying to requests of this kind raises it. Where one does not suit you, decline and give the true "
            "reason: it decides which requests become fewer."
        ),
    ),
    "answers": Told(
        N_("answering in time"),
        N_(
            "Answer or decline before the deadline. A decline is an answer; a request that expires is none, "
            "and counts twice."
        ),
    ),
    "fit": Told(
        N_("how well your profile fits the request"),
        N_("Say in your profile, in your own words, what you do: it is compared with what the merchant writes."),
    ),
    "craft": Told(
        N_("how specialised you are"),
        N_("The fewer services you offer, the more this counts. Withdraw those that you would rather not do."),
    ),
    "language": Told(
        N_("the language of the request"),
        N_("Your main language counts in full, any other by half. There is nothing to do about it."),
    ),
    "share": Told(
        N_("your share of requests"),
        N_("There is nothing to do: it comes back by itself while others are asked."),
    ),
    LUCK: Told(
        N_("the luck of the draw"),
        N_("There is nothing to do: the draw gives everybody a chance, also those of whom little is known yet."),
    ),
}

_REASONS: Mapping[Why, str] = {
    Why.SCORE: N_("Those who were asked scored about %(bar)s or more; you came to about %(score)s."),
    Why.SHARE: N_(
        "Lately you had been sent far more than your share of requests, so it was the turn of others. "
        "This passes by itself."
    ),
    Why.DRAW: N_(
        "You were about as good: you came to about %(score)s, those who were asked to about %(bar)s or more. "
        "The lot fell on others."
    ),
    Why.SAME_PEOPLE: N_(
        "Somebody in your team is in the team of another organisation that was asked too. A request never goes to two "
        "organisations with a member in common."
    ),
}


_CLOSE = N_("Those who were asked scored a little higher than you did.")
"""Where the rounded scores are the same."""

COARSE = 5
"""To so many points are rounded the scores that a partner is told of a request that it did not get."""


def coarse(of: Explanation) -> Explanation:
    """What a partner may be told of a request that it did not get. From a price and what it brought in points, the
    budget could be computed, and from the other points the merchant's priorities: so there are no points but the sums,
    and these are rounded.
    """
    return of.model_copy(
        update={
            "budget": None,
            "score": float(COARSE * round(of.score / COARSE)),
            "bar": float(COARSE * round(of.bar / COARSE)),
            "probability": round(of.probability, 2),
        }
    )


def words(of: Explanation, locale: Locale) -> list[str]:
    """Why, in sentences that the partner can be told."""
    if of.kind.names_a_partner:
        return [gettext(locale, N_("You were asked by name, and nobody else was."))]
    told = [_asked(of, locale), *_score(of, locale)] if of.chosen else [_passed_over(of, locale), *_reason(of, locale)]
    return [*told, *_draws(of, locale)]


def label(name: str, locale: Locale) -> str:
    """A factor's name as a heading. One that matching has scored with in other times keeps the name it had."""
    text = _label(name, locale)
    return text[:1].upper() + text[1:]


def advice(part: Part, of: Explanation, locale: Locale) -> str | None:
    """What the partner can do about this factor, if it is one that it was weak in."""
    told = FACTORS.get(part.name)
    lowest = 0.0 if part.name == LUCK else WEAK
    weak = part.name in of.behind or (part.value is not None and part.value < lowest)
    return gettext(locale, told.advice) if told and weak else None


def _asked(of: Explanation, locale: Locale) -> str:
    """Of how many is said where it is known, and where somebody was left."""
    others, eligible = of.asked - 1, number(of.eligible, locale)
    if of.eligible > of.asked:
        if not others:
            alone = N_("You were the only partner who was asked, of %(eligible)s who could have been.")
            return gettext(locale, alone, eligible=eligible)
        return ngettext(
            "You were asked together with %(count)s other partner, of %(eligible)s who could have been.",
            "You were asked together with %(count)s other partners, of %(eligible)s who could have been.",
            others,
            locale,
            eligible=eligible,
        )
    if not others:
        return gettext(locale, N_("You were the only partner who was asked."))
    return ngettext(
        "You were asked together with %(count)s other partner.",
        "You were asked together with %(count)s other partners.",
        others,
        locale,
    )


def _score(of: Explanation, locale: Locale) -> list[str]:
    earned = sorted((part for part in of.factors if part.name != LUCK), key=lambda part: -part.points)
    most = [part.name for part in earned[:MOST_COUNTED] if part.points > 0]
    if not most:
        return []
    said = N_("Your score was %(score)s of 100. What counted most: %(factors)s.")
    score = gettext(locale, said, score=number(of.score, locale), factors=_listed(most, locale))
    return [score, *_luck(of, locale)]


def _luck(of: Explanation, locale: Locale) -> list[str]:
    points = round(sum(part.points for part in of.factors if part.name == LUCK), 1)
    if not points:
        return []
    said = (
        N_("The luck of the draw added %(points)s to it.")
        if points > 0
        else N_("The luck of the draw took %(points)s from it.")
    )
    return [gettext(locale, said, points=number(abs(points), locale))]


def _passed_over(of: Explanation, locale: Locale) -> str:
    return ngettext(
        "You could have been asked as well: of %(eligible)s partners who could, %(count)s was.",
        "You could have been asked as well: of %(eligible)s partners who could, %(count)s were.",
        of.asked,
        locale,
        eligible=number(of.eligible, locale),
    )


def _reason(of: Explanation, locale: Locale) -> list[str]:
    why = of.why or Why.SCORE
    scores = {"score": number(of.score, locale), "bar": number(of.bar, locale)}
    close = why is Why.SCORE and of.score >= of.bar
    said = [gettext(locale, _CLOSE if close else _REASONS[why], **scores)]
    if why is Why.SCORE and of.behind:
        most = N_("What cost you most in comparison: %(factors)s.")
        said.append(gettext(locale, most, factors=_listed(of.behind, locale)))
    return said


def _draws(of: Explanation, locale: Locale) -> list[str]:
    """How often it would have been this partner, where that was open."""
    often = round(100 * of.probability)
    if not 0 < often < 100:
        return []
    return [
        ngettext(
            "In %(count)s draw of 100 you would have been among those who were asked.",
            "In %(count)s draws of 100 you would have been among those who were asked.",
            often,
            locale,
        )
    ]


def _listed(names: Iterable[str], locale: Locale) -> str:
    return listing([_label(name, locale) for name in names], locale)


def _label(name: str, locale: Locale) -> str:
    told = FACTORS.get(name)
    return gettext(locale, told.label) if told else name
