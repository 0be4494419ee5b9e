"""What partners change while others ask for them."""

import random
from datetime import timedelta
from functools import partial
from itertools import islice, repeat

from deploy.bench.matching.market import AT, TODAY, about, known
from deploy.bench.matching.records import changed
from shared.contracts.partners import Away, Partner, Preferences, Profile
from shared.publisher import Outgoing

NEW_TEXT, NEW_PRICE = 0.1, 0.3
"""How many changes are of what the partner writes, and of a price. The others are of preferences."""
_SEED = 4


class Changes:
    """A market of which somebody changes something all the time. None of the drawn changes makes a difference to who
    is eligible today for a request without dropshipping.
    """

    def __init__(self, partners: int, *, without: str = "") -> None:
        self._draw = random.Random(_SEED)  # noqa: S311 - the same every time, no secret
        self._partners = partners
        self._known = partial(known, today=TODAY, without=without)
        self._now: dict[int, Partner] = {}

    def some(self, count: int, *, but: int | None = None) -> list[Outgoing]:
        """So many changes of anybody, `but` that one."""
        drawn = (self._draw.randrange(self._partners) for _ in repeat(None))
        return [self._drawn(number) for number in islice((one for one in drawn if one != but), count)]

    def partner(self, number: int) -> Partner:
        """As it is now."""
        if number not in self._now:
            self._now[number] = self._known(number).partner
        return self._now[number]

    def prefers(self, number: int, **preferences: object) -> Outgoing:
        return self._next(number, preferences=self.partner(number).preferences.model_copy(update=preferences))

    def says(self, number: int, **profile: object) -> Outgoing:
        return self._next(number, profile=self.partner(number).profile.model_copy(update=profile))

    def _drawn(self, number: int) -> Outgoing:
        partner, kind = self.partner(number), self._draw.random()
        if kind < NEW_TEXT:
            return self.says(number, about=about(self._draw, partner.profile.main_language))
        if kind < NEW_TEXT + NEW_PRICE and partner.profile.services:
            first, *others = partner.profile.services
            price = first.price_from.model_copy(update={"amount": first.price_from.amount + 50})
            return self.says(number, services=(first.model_copy(update={"price_from": price}), *others))
        return self._preference(number, partner.preferences)

    def _preference(self, number: int, now: Preferences) -> Outgoing:
        kind = self._draw.randrange(3)
        if kind == 0:
            return self.prefers(number, notification_email=f"jobs-{self._draw.randrange(1000)}@partner.example")
        if kind == 1 and now.away is None:
            last_day = TODAY + timedelta(days=self._draw.randint(30, 50))
            return self.prefers(number, away=Away(first_day=TODAY + timedelta(days=30), last_day=last_day))
        return self.prefers(number, dropshippers=not now.dropshippers)

    def _next(self, number: int, **part: Profile | Preferences) -> Outgoing:
        partner = self.partner(number)
        self._now[number] = partner.model_copy(update={"version": partner.version + 1, **part})
        (name,) = part
        return changed(self._now[number], name, AT)
