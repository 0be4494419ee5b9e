"""What the made-up markets are like. Which of them was set when, and what was known then, stands in DECISIONS 47: a
simulation shows how policies compare in a market that somebody imagined, and no more.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Nature:
    """Shares are 0..1, times are days unless they say otherwise. Tastes are log odds: 1 more makes odds of 1:1 into
    2.7:1.
    """

    days: int = 180
    partners: int = 150
    requests_a_day: float = 8.0
    newcomers: float = 0.15
    """The share of the partners who join while the market runs."""

    # What a partner says of itself.
    price_spread: float = 0.35
    lead_spread: float = 0.3
    limited: float = 0.6
    """The share that states how many jobs a week it wants."""
    no_dropshipping: float = 0.2
    announced_holidays: float = 0.5
    """The share of the partners with a holiday that `away` dates announce."""

    # What a partner is.
    quality: float = 0.6
    quality_spread: float = 0.14
    quality_of_price: float = 0.15
    """How much better (0..1) somebody is who costs e times as much."""
    willingness: float = 1.2
    willingness_spread: float = 0.9
    taste_spread: float = 0.9
    """Of the taste for a service, and for a budget band."""
    refuses_a_service: float = 0.25
    """The share of the partners with several services who accept next to no job of one of them."""
    refusal: float = -4.5
    only_large: float = 0.2
    small_is_too_small: float = -3.5
    likes: float = 0.5
    dislikes: float = -1.8
    """An industry it names in its profile, and one of two that it would rather not work for."""
    secretly_no_dropshipping: float = 0.15
    dropshipping: float = -2.5
    weak_language: float = 0.3
    """The share of further languages that are spoken badly."""
    in_weak_language: float = -1.2
    below_price: float = -1.6
    """For a budget that is e times smaller than the partner's price."""
    by_name: float = 0.8
    changes_taste: float = 0.16
    """The share of the partners whose taste for one service turns round at half time: half of them to refusing it."""
    sloppy: float = 0.15
    reliability: tuple[float, float] = (0.95, 0.65)
    """The chance of answering at all, of the careful and of the sloppy."""
    silent_holidays: float = 0.3
    """The share of the partners with a holiday that nobody was told of."""
    holiday: tuple[int, int] = (6, 16)
    answers_on_holiday: float = 0.08
    reply_hours: float = 11.0
    reply_hours_spread: float = 0.7
    """Of the medians of the partners; `reply_spread` is that of one partner's answers."""
    reply_spread: float = 0.8
    jobs_a_week: tuple[float, float] = (6.0, 20.0)
    """What a partner can look at that states no limit; for others it is `of_its_limit` of what it states."""
    of_its_limit: tuple[float, float] = (0.6, 1.2)
    hands: tuple[int, int] = (3, 9)
    """How many orders it can work on at once."""
    full_at: float = 1.3
    full_spread: float = 0.2
    """At this load, half of what comes is too much (`truth.Truth.no_room`)."""

    # What a merchant is.
    direct: float = 0.08
    withdrawn: float = 0.03
    dropships: float = 0.12
    no_budget: float = 0.15
    budget_spread: float = 0.6
    eyes: float = 0.08
    """How far a merchant's eye for quality errs."""
    contented: float = -3.4
    by_fit: float = 5.6
    by_choice: float = 0.45
    by_day_of_waiting: float = -0.5
    """The log odds of being satisfied (`merchants.satisfaction`)."""
    hires: tuple[float, float] = (0.95, 0.3)
    """The chance that somebody satisfied, or not satisfied, gives the order to the best who replied."""
    reviews: float = 0.55
    rating_spread: float = 0.6


QUICK = Nature(days=40, partners=120, requests_a_day=12.0)
CROWDED = Nature(
    days=120,
    partners=250,
    requests_a_day=25.0,
    willingness_spread=0.7,
    taste_spread=0.5,
    refuses_a_service=0.15,
    only_large=0.1,
)
"""The market that was made first: as much is asked as all partners together can answer."""
