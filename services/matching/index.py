"""All partners and what is known of them, in memory, as columns: one slice per service, and what the slices share.

What arrives is kept as it is (offers, counts); what a score needs of it is derived for the day that is asked about, for
the rows that changed, when somebody asks. So a flood of changes costs little while nobody asks, and the same state and
day give the same columns however they came about.

Sums are exact. The columns in `Slice.table` are whole multiples of 2^-9 (text: 2^-7), the weights they are multiplied
with of 2^-14 (text: 2^-16), and a score is below 2: every partial sum is a whole multiple of 2^-23 and fits the 24 bits
of a float32. So neither the order of the rows nor how a matrix library adds them changes a digit, and a replica that
read the topics in another order chooses the same partners.
"""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from services.matching import learning
from services.matching.seen import SeenPartner
from services.matching.texts import DIMENSIONS, direction, on_grid
from shared.contracts.base import Locale, mailbox_key
from shared.contracts.matching import Evidence, StandingChanged
from shared.contracts.partners import Offer, Partner, Preferences
from shared.contracts.requests import RequestDetails

Array = NDArray[Any]

OFFERED, PUBLISHED, AVAILABLE, VISIBLE, DROPSHIPS, PRESENT, HAS_ROOM = (1 << bit for bit in range(7))
SPEAKS = {locale: 1 << bit for bit, locale in enumerate(Locale, start=7)}
TAKES_LEADS = 1 << (7 + len(SPEAKS))
"""What must be true of a partner, one bit each: who is eligible has all that a request needs (`needed`)."""

TIME, QUALITY, ANSWERS, CRAFT = range(4)
_SPOKEN = {locale.value: bit for locale, bit in SPEAKS.items()}
LANGUAGE = {locale: column for column, locale in enumerate(Locale, start=4)}
BASE = 4 + len(LANGUAGE)
SLOPE = BASE + learning.SORTS
"""The chance of a sort of job is `table[BASE + sort] + table[SLOPE + sort] * mean(sort)`."""
TEXT = SLOPE + learning.SORTS
COLUMNS = TEXT + DIMENSIONS
STEP = 2.0**-9

PRIOR_ANSWERS, PRIOR_ANSWERED = 4.0, 0.75
PRIOR_REVIEWS, PRIOR_RATING = 3.0, 4.2
PRIOR_REPLIES, PRIOR_REPLY_SECONDS = 2.0, 24 * 3600.0
"""What a newcomer is taken to be: the priors' weights are counts of imagined jobs, reviews and replies."""
SLOW_REPLY_SECONDS = 72 * 3600.0
SLOW_LEAD_DAYS = 30.0
JOBS_A_WEEK = 14.0
"""What a partner can do that has not said how much it wants."""
LEAST_WANTED = 0.5
LEAST_PRESENT = 0.25
FEW_OFFERS = 3.0
"""A partner that has had fewer lately cannot have had too many, nor have shown that it has no room."""
NEVER = date.max.toordinal()
RECENT = 8
"""Days whose new jobs are kept: one more than the week that `jobs_per_week` counts."""


def _fading(half_life: float) -> Array:
    """What is left after so many days, and nothing after the last of them."""
    return np.array([0.5 ** (age / half_life) for age in range(learning.OLDEST_DAYS + 1)] + [0.0])


_FADED, _FADED_EXPOSURE = _fading(learning.HALF_LIFE_DAYS), _fading(learning.EXPOSURE_HALF_LIFE_DAYS)
"""Looked up, not computed: vectorised powers differ in the last digit between a whole column and a piece of it."""


_LISTED = np.uint32(OFFERED | PUBLISHED | VISIBLE)


def needed(details: RequestDetails) -> int:
    """The bits that a partner must have for this request."""
    bits = OFFERED | PUBLISHED | AVAILABLE | PRESENT | (DROPSHIPS if details.dropshipping else 0)
    bits |= TAKES_LEADS if details.kind.is_prospects else 0
    if details.kind.names_a_partner:
        return bits  # whoever asks by name has found the profile and read its languages; who is full can say no
    return bits | VISIBLE | HAS_ROOM | SPEAKS[details.locale]


def answers_value(in_time: Any, expired: Any) -> Any:
    """The share of jobs that got an answer (beta mean), of numbers or of arrays. A decline is an answer; an expiry is
    not, and counts twice.
    """
    return (PRIOR_ANSWERED * PRIOR_ANSWERS + in_time) / (PRIOR_ANSWERS + in_time + 2 * expired)


class Few(NamedTuple):
    """The most that an organisation on probation is sent, whatever it wants."""

    open_jobs: int = 3
    jobs_per_week: int = 5


class Columns:
    """Arrays with a name each that grow together."""

    def __init__(self, **kinds: tuple[str, int] | str) -> None:
        self._kinds = {name: kind if isinstance(kind, tuple) else (kind, 0) for name, kind in kinds.items()}
        self.size = 0
        self._room = 0
        self._grow(16)

    def __getattr__(self, name: str) -> Array:
        raise AttributeError(name)  # columns are plain attributes; this tells their type

    def add(self) -> int:
        """One row more, of zeros: its number."""
        if self.size == self._room:
            self._grow(self._room + max(self._room // 16, 64))
        self.size += 1
        return self.size - 1

    @property
    def bytes(self) -> int:
        return sum(getattr(self, name).nbytes for name in self._kinds)

    def _grow(self, room: int) -> None:
        for name, (kind, width) in self._kinds.items():
            wider = np.zeros((room, width) if width else room, kind)
            if self.size:
                wider[: self.size] = getattr(self, name)[: self.size]
            setattr(self, name, wider)
        self._room = room


def _partner_columns() -> Columns:
    whole = ("main", "services", "away_first", "away_last", "open_limit", "week_limit", "open_jobs", "as_of")
    counts = (
        "exposure",
        "busy",
        "accepted",
        "against",
        "in_time",
        "expired",
        "replied",
        "reply_seconds",
        "reviews",
        "ratings",
    )
    return Columns(
        version="i8",
        standing="i8",
        flags="u4",
        capacity="f4",
        recent_days=("i4", RECENT),
        recent_jobs=("i4", RECENT),
        **dict.fromkeys(whole, "i4"),
        **dict.fromkeys(counts, "f4"),
    )


def _slice_columns() -> Columns:
    by_sort = ("accepted", "trials", "against", "beyond")
    return Columns(
        number="i4",
        lot="u8",
        offered="u1",
        flags="u4",
        text="u4",
        currency="u2",  # whatever three letters somebody writes has a number
        exposed="i4",
        wanted="i4",
        table=("f4", COLUMNS),
        **dict.fromkeys(("price", "lead", "load", "reviews", "ratings", "elsewhere"), "f4"),
        **dict.fromkeys(by_sort, ("f2", learning.SORTS)),  # three digits of a faded count are plenty
    )


class Slice:
    """Everybody who offers one service, or did. Rows are never moved."""

    def __init__(self, partners: Columns) -> None:
        self._partners = partners
        self.columns = _slice_columns()
        self._row_of = np.zeros(0, np.int32)
        self._dirty: set[int] = set()
        self._day = 0
        self._counts = np.zeros((2, learning.SORTS), np.int64)
        self._exposed = self._wanted = 0

    def add(self, number: int, lot: int) -> int:
        """A row for a partner that has none."""
        if number >= len(self._row_of):
            self._row_of = np.append(self._row_of, np.full(number + 1024, -1, np.int32)[len(self._row_of) :])
        row = self.columns.add()
        self._row_of[number] = row
        self.columns.number[row] = number
        self.columns.lot[row] = lot
        return row

    def changed(self, row: int) -> None:
        self._dirty.add(row)

    def row_of(self, number: int) -> int | None:
        """The partner's row, if it has one."""
        row: int = self._row_of.item(number) if number < len(self._row_of) else -1
        return row if row >= 0 else None

    @property
    def bytes(self) -> int:
        return self.columns.bytes + self._row_of.nbytes

    def ready(self, day: int) -> None:
        """Derive what has changed since it was last asked, or everything on another day."""
        if day != self._day:
            self._day = day
            rows: Any = np.arange(self.columns.size)
            self._counts = self._counted(rows).sum(axis=1)
        elif self._dirty:
            rows = np.fromiter(self._dirty, np.int64, len(self._dirty))
        else:
            return
        self._dirty.clear()
        self._derive(rows)

    def count(self, number: int, sign: int) -> None:
        """Take what is known of a partner's answers into the means of everybody, or out of them before it changes.
        Before anybody has asked there are no means: they are made for the first day that is asked about.
        """
        row = self.row_of(number)
        if row is not None and self._day:
            self._counts += sign * self._counted(np.array([row]))[:, 0]

    def mean(self, sort: int) -> float:
        """The share of this sort of job that was replied to, over everybody here, faded to the day."""
        accepted, trials = self._counts / _WHOLE
        wide = (accepted.sum() + learning.K_MEAN * learning.PRIOR_CHANCE) / (trials.sum() + learning.K_MEAN)
        return float((accepted[sort] + learning.K_MEAN * wide) / (trials[sort] + learning.K_MEAN))

    def mean_load(self) -> float:
        """What matching has sent to everybody here, over what they all can and want to do: a load of 1 share."""
        return self._exposed / self._wanted if self._wanted else 0.0

    def certainty(self, rows: Array, sort: int) -> Array:
        """How many answers a prediction stands on: those about this sort of job, and half the service's others."""
        c = self.columns
        counts = c.accepted[rows].astype(np.float64) + c.against[rows]
        near = counts[:, sort]
        return (near + (counts.sum(axis=1) - near) / 2) * _faded(self._partners, c.number[rows], self._day)

    def reply_seconds(self, rows: Array) -> Array:
        return _reply_seconds(self._partners, self.columns.number[rows])

    def exposures(self, rows: Array) -> Array:
        return _exposure(self._partners, self.columns.number[rows], self._day)

    def _counted(self, rows: Array) -> Array:
        """Replies and answers of these rows, faded to the day, in whole parts: (2, rows, sorts)."""
        c = self.columns
        kept = _faded(self._partners, c.number[rows], self._day)[:, None]
        return np.stack([_whole(c.accepted[rows] * kept), _whole(c.trials[rows] * kept)])

    def _derive(self, rows: Array) -> None:
        c, of, day = self.columns, self._partners, self._day
        numbers = c.number[rows]
        kept = _faded(of, numbers, day)
        c.flags[rows] = self._flags(rows, numbers)
        self._weigh(rows, numbers)
        values = np.empty((len(numbers), TEXT))
        values[:, BASE:SLOPE], values[:, SLOPE:TEXT] = self._chances(rows, numbers, kept[:, None])
        lead = 1.0 - np.minimum(c.lead[rows] / SLOW_LEAD_DAYS, 1.0)
        reply = 1.0 - np.minimum(_reply_seconds(of, numbers) / SLOW_REPLY_SECONDS, 1.0)
        values[:, TIME] = (lead + reply) / 2
        values[:, QUALITY] = _quality(c.reviews[rows], c.ratings[rows], of.reviews[numbers], of.ratings[numbers])
        values[:, ANSWERS] = answers_value(of.in_time[numbers] * kept, of.expired[numbers] * kept)
        values[:, CRAFT] = 1.0 / np.maximum(of.services[numbers], 1)
        for locale, column in LANGUAGE.items():
            values[:, column] = np.where(of.main[numbers] == SPEAKS[locale] >> 7, 1.0, 0.5)
        c.table[rows, :TEXT] = on_grid(values, STEP)

    def _flags(self, rows: Array, numbers: Array) -> Array:
        """What is true of the partner, of its offer, and of the day."""
        of, day = self._partners, self._day
        away = (of.away_first[numbers] <= day) & (day <= of.away_last[numbers])
        full = of.open_jobs[numbers] >= of.open_limit[numbers]
        full |= _this_week(of, numbers, day) >= of.week_limit[numbers]
        offered = np.where(self.columns.offered[rows], OFFERED, 0)
        return of.flags[numbers] | offered | np.where(away, 0, PRESENT) | np.where(full, 0, HAS_ROOM)

    def _chances(self, rows: Array, numbers: Array, kept: Array) -> tuple[Array, Array]:
        """Base and slope of each sort's chance: see `services/matching/learning.py`."""
        c, of = self.columns, self._partners
        accepted, against, beyond = c.accepted[rows] * kept, c.against[rows] * kept, c.beyond[rows] * kept
        here = accepted.sum(axis=1, keepdims=True)
        elsewhere = (of.against[numbers] - c.elsewhere[rows])[:, None] * kept
        wide = _shrunk(of.accepted[numbers, None] * kept - here, elsewhere, (0.0, 1.0), learning.K_PARTNER)
        others = here - accepted, beyond.sum(axis=1, keepdims=True) - beyond
        return _shrunk(accepted, against, _shrunk(*others, wide, learning.K_SERVICE), learning.K_SORT)

    def _weigh(self, rows: Array, numbers: Array) -> None:
        """Each row's load, and its parts in the mean load of those who are listed."""
        c = self.columns
        exposed, wanted = _exposure(self._partners, numbers, self._day), _wanted(self._partners, numbers, self._day)
        c.load[rows] = exposed / wanted
        listed = (c.flags[rows] & _LISTED) == _LISTED
        parts = _whole(exposed) * listed, _whole(wanted) * listed
        self._exposed += int(parts[0].sum() - c.exposed[rows].sum(dtype=np.int64))
        self._wanted += int(parts[1].sum() - c.wanted[rows].sum(dtype=np.int64))
        c.exposed[rows], c.wanted[rows] = parts


class Index:
    """What selection looks at. Newer replaces older; a partner without a standing is a newcomer."""

    def __init__(self, few: Few = Few()) -> None:  # noqa: B008 - it cannot change
        self._few = few
        self._numbers: dict[bytes, int] = {}
        self._ids: list[bytes] = []
        self._services: list[tuple[str, ...]] = []
        self._people: list[tuple[int, ...]] = []
        self._teams: list[int] = []
        self._blocked: dict[UUID, set[int]] = {}
        self._blocking: dict[int, tuple[UUID, ...]] = {}
        self._currencies: dict[str, int] = {}
        self.partners = _partner_columns()
        self.slices: dict[str, Slice] = {}

    def put(self, partner: Partner | SeenPartner) -> None:
        """Take over what a partner says of itself."""
        number, of = self._number(partner.partner_id), self.partners
        if partner.version <= of.version[number]:
            return
        profile, preferences = partner.profile, partner.preferences
        of.version[number] = partner.version
        of.flags[number] = _flags(partner)
        of.main[number] = SPEAKS[profile.main_language] >> 7
        of.services[number] = len(profile.services)
        self._limit(number, preferences, few_jobs=partner.rights.few_jobs)
        self._join(number, tuple([member.email for member in partner.members if member.joined]))
        self._block(number, partner.blocked_by)
        rows = [self._offered(number, offer) for offer in profile.services]
        if len(self._services[number]) > len(rows):
            rows += self._withdrawn(number, {offer.service for offer in profile.services})
        self._say(rows, " ".join((profile.name, profile.about, *profile.portfolio)))

    def learn(self, standing: StandingChanged) -> None:
        """Take over what matching has learned of a partner."""
        number, of = self._number(standing.partner_id), self.partners
        if standing.version <= of.standing[number]:
            return
        for service in self._services[number]:
            self.slices[service].count(number, -1)
        of.standing[number] = standing.version
        self._learn_of_all(number, standing)
        evidence = _by_service(standing.evidence)
        none = np.zeros((4, learning.SORTS))
        for service in dict.fromkeys((*self._services[number], *standing.services)):
            c, row = self._row(number, service)
            here = standing.services.get(service)
            c.reviews[row], c.ratings[row] = (here.reviews, here.rating_sum) if here else (0, 0)
            elsewhere, counts = evidence.get(service, (0.0, none))
            c.elsewhere[row] = elsewhere
            c.accepted[row], c.trials[row], c.against[row], c.beyond[row] = counts
        for service in self._services[number]:
            self.slices[service].count(number, 1)

    def heard(self, partner_id: UUID) -> int:
        """The version of the standing that was taken over last, -1 for none."""
        number = self._numbers.get(partner_id.bytes)
        return int(self.partners.standing[number]) if number is not None else -1

    def slice(self, service: str, day: int) -> Slice | None:
        """Who offers the service, derived for this day."""
        found = self.slices.get(service)
        if found is not None:
            found.ready(day)
        return found

    def row_of(self, of: Slice, partner_id: UUID) -> int | None:
        number = self._numbers.get(partner_id.bytes)
        return of.row_of(number) if number is not None else None

    def ids(self, of: Slice, rows: Array) -> list[bytes]:
        """The partners of these rows, as 16 bytes each."""
        return [self._ids[number] for number in of.columns.number[rows].tolist()]

    def id_of(self, number: int) -> UUID:
        return UUID(bytes=self._ids[number])

    def excluded(self, of: Slice, merchant_id: UUID, tried: Collection[UUID]) -> list[int]:
        """The rows of those who are blocked by this merchant or have been asked before."""
        numbers = [self._numbers[one.bytes] for one in tried if one.bytes in self._numbers]
        rows = (of.row_of(number) for number in (*numbers, *self._blocked.get(merchant_id, ())))
        return [row for row in rows if row is not None]

    def people(self, of: Slice, rows: Array) -> list[tuple[int, ...]]:
        """Who has joined the teams of these rows' partners: numbers that are equal for one mailbox, in this process."""
        return [self._people[number] for number in of.columns.number[rows].tolist()]

    def people_of(self, partner_ids: Collection[UUID]) -> set[int]:
        """The same of these partners together."""
        numbers = (self._numbers[one.bytes] for one in partner_ids if one.bytes in self._numbers)
        return {person for number in numbers for person in self._people[number]}

    def currency(self, name: str) -> int | None:
        return self._currencies.get(name)

    @property
    def size(self) -> int:
        return len(self._numbers)

    @property
    def bytes(self) -> int:
        """What the columns take."""
        return self.partners.bytes + sum(one.bytes for one in self.slices.values())

    def _number(self, partner_id: UUID) -> int:
        key = partner_id.bytes
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = self.partners.add()
            self._ids.append(key)
            self._services.append(())
            self._people.append(())
            self._teams.append(hash(()))
            of = self.partners
            of.version[number] = of.standing[number] = -1
            of.open_limit[number] = of.week_limit[number] = NEVER
            of.away_first[number], of.capacity[number] = NEVER, JOBS_A_WEEK
        return number

    def _lot(self, number: int) -> int:
        return int.from_bytes(self._ids[number][:8], "big")

    def _learn_of_all(self, number: int, standing: StandingChanged) -> None:
        """What is true of the partner whatever the service."""
        of, total = self.partners, standing.total()
        of.as_of[number] = (standing.as_of or date.min).toordinal()
        of.open_jobs[number] = standing.open_jobs
        of.exposure[number], of.busy[number] = standing.exposure, standing.busy
        of.reviews[number], of.ratings[number] = total.reviews, total.rating_sum
        of.replied[number], of.reply_seconds[number] = total.replied, total.reply_seconds
        of.accepted[number] = sum(one.accepted for one in standing.evidence)
        of.against[number] = sum(one.against[0] for one in standing.evidence)
        of.in_time[number] = sum(one.accepted + one.declined for one in standing.evidence)
        of.expired[number] = sum(one.expired for one in standing.evidence)
        recent = sorted(standing.received_on.items())[-RECENT:]
        of.recent_days[number, : len(recent)] = [day.toordinal() for day, _ in recent]
        of.recent_jobs[number] = 0
        of.recent_jobs[number, : len(recent)] = [count for _, count in recent]

    def _row(self, number: int, service: str) -> tuple[Columns, int]:
        of = self.slices.get(service)
        if of is None:
            of = self.slices[service] = Slice(self.partners)
        row = of.row_of(number)
        if row is None:
            self._services[number] = (*self._services[number], service)
            row = of.add(number, self._lot(number))
        of.changed(row)
        return of.columns, row

    def _offered(self, number: int, offer: Offer) -> tuple[Columns, int]:
        place = c, row = self._row(number, offer.service)
        price = offer.price_from
        code = self._currencies.setdefault(price.currency, len(self._currencies) + 1)
        c.offered[row] = 1
        c.price[row] = float(price.amount)
        c.currency[row] = code if offer.unit == "project" else 0  # what an hour costs cannot be held against a budget
        c.lead[row] = offer.lead_days
        return place

    def _withdrawn(self, number: int, offered: Collection[str]) -> list[tuple[Columns, int]]:
        rows = [self._row(number, service) for service in self._services[number] if service not in offered]
        for c, row in rows:
            c.offered[row] = 0
        return rows

    def _say(self, rows: Sequence[tuple[Columns, int]], text: str) -> None:
        """What a partner writes of itself stands in each of its rows; the mark tells in which it stands already."""
        mark = crc32(text.encode()) or 1
        behind = [(c, row) for c, row in rows if c.text.item(row) != mark]
        if behind:
            about = direction(text)
            for c, row in behind:
                c.text[row] = mark
                c.table[row, TEXT:] = about

    def _limit(self, number: int, preferences: Preferences, *, few_jobs: bool) -> None:
        of, away = self.partners, preferences.away
        of.away_first[number] = away.first_day.toordinal() if away else NEVER
        of.away_last[number] = away.last_day.toordinal() if away else 0
        open_jobs, week = preferences.open_jobs, preferences.jobs_per_week
        if few_jobs:
            open_jobs, week = _least(open_jobs, self._few.open_jobs), _least(week, self._few.jobs_per_week)
        of.open_limit[number] = NEVER if open_jobs is None else open_jobs
        of.capacity[number] = JOBS_A_WEEK if week is None else max(week, LEAST_WANTED)
        of.week_limit[number] = NEVER if week is None else week

    def _join(self, number: int, team: tuple[str, ...]) -> None:
        """Most changes leave the team as it was: the mark tells."""
        mark = hash(team)
        if mark != self._teams[number]:
            self._teams[number] = mark
            self._people[number] = tuple({hash(mailbox_key(email)) for email in team})

    def _block(self, number: int, merchants: tuple[UUID, ...]) -> None:
        before = self._blocking.get(number, ())
        for merchant_id in before:
            self._blocked[merchant_id].discard(number)
        for merchant_id in merchants:
            self._blocked.setdefault(merchant_id, set()).add(number)
        if merchants:
            self._blocking[number] = merchants
        elif before:
            del self._blocking[number]


def _by_service(evidence: Sequence[Evidence]) -> dict[str, tuple[float, Array]]:
    """For each service: what its answers weigh for other services; and replies, answers, what they weigh for the same
    sort of job, and for other sorts of it, by sort: (4, sorts).
    """
    found: dict[str, tuple[float, Array]] = {}
    for one in evidence:
        elsewhere, counts = found.get(one.service) or (0.0, np.zeros((4, learning.SORTS)))
        trials = one.accepted + one.declined + one.expired
        counts[:, learning.sort_of(one.band, one.kind.names_a_partner)] += (
            one.accepted, trials, one.against[2], one.against[1],
        )  # fmt: skip
        found[one.service] = (elsewhere + one.against[0], counts)
    return found


def _shrunk(accepted: Array, against: Array, towards: tuple[Any, Any], strength: float) -> tuple[Array, Array]:
    """Base and slope of a mean that shrinks towards another one's. Each answer counts in one group alone, so that the
    wider groups hold what the narrower ones do not; rounding may leave them a hair below nothing.
    """
    trials = np.maximum(accepted, 0) + np.maximum(against, 0) + strength
    base, slope = towards
    return (np.maximum(accepted, 0) + strength * base) / trials, strength * slope / trials


def _flags(partner: Partner | SeenPartner) -> int:
    profile, preferences, rights = partner.profile, partner.preferences, partner.rights
    bits = PUBLISHED * (profile.published and rights.listed) | AVAILABLE * (preferences.available and rights.jobs)
    bits |= TAKES_LEADS * rights.leads
    bits |= VISIBLE * preferences.visible | DROPSHIPS * preferences.dropshippers
    for language in profile.languages:
        bits |= _SPOKEN.get(language, 0)
    return bits


def _least(wanted: int | None, most: int) -> int:
    return most if wanted is None else min(wanted, most)


def _faded(of: Columns, numbers: Array, day: int) -> Array:
    return _FADED.take(day - of.as_of[numbers], mode="clip")


def _exposure(of: Columns, numbers: Array, day: int) -> Array:
    return of.exposure[numbers] * _FADED_EXPOSURE.take(day - of.as_of[numbers], mode="clip")


def _wanted(of: Columns, numbers: Array, day: int) -> Array:
    """What a partner can and wants to do: its capacity, times how often it had room for what it was sent, times how
    much of its jobs it accepts, times how much of the time that its exposure remembers it was there. So being away is
    no debt that is paid at once on coming back.
    """
    kept = _faded(of, numbers, day)
    willing = (of.accepted[numbers] * kept + learning.K_PARTNER * learning.PRIOR_CHANCE) / (
        (of.accepted[numbers] + of.against[numbers]) * kept + learning.K_PARTNER
    )
    left, came = day - of.away_first[numbers] + 1, day - of.away_last[numbers]
    ages = [_FADED_EXPOSURE.take(age, mode="clip") for age in (came, left)]
    present = np.maximum(1.0 - np.maximum(ages[0] - ages[1], 0.0), LEAST_PRESENT)
    room = 1.0 - of.busy[numbers] / (of.exposure[numbers] + FEW_OFFERS)
    return of.capacity[numbers] * willing * present * np.maximum(room, LEAST_PRESENT)


def _this_week(of: Columns, numbers: Array, day: int) -> Array:
    days = of.recent_days[numbers]
    return np.where((days > day - 7) & (days <= day), of.recent_jobs[numbers], 0).sum(axis=1)


def _reply_seconds(of: Columns, numbers: Array) -> Array:
    """How long a first reply takes (Bayesian mean)."""
    prior = PRIOR_REPLIES * PRIOR_REPLY_SECONDS
    return (of.reply_seconds[numbers] + prior) / (of.replied[numbers] + PRIOR_REPLIES)


def _quality(reviews: Array, ratings: Array, all_reviews: Array, all_ratings: Array) -> Array:
    """The Bayesian mean rating as 0..1; reviews of other services count half."""
    counted = reviews + (all_reviews - reviews) / 2
    summed = ratings + (all_ratings - ratings) / 2
    return ((PRIOR_RATING * PRIOR_REVIEWS + summed) / (PRIOR_REVIEWS + counted) - 1) / 4


_WHOLE = 4096.0


def _whole(values: Array) -> NDArray[np.int64]:
    """In whole 4096ths: whole numbers add up to the same in any order."""
    return np.rint(values * _WHOLE).astype(np.int64)
