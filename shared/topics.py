"""The flow, as one table. Topics are created from it, the README's diagram is drawn from it, and a test compares it
with what the running services subscribe and publish.
"""

from dataclasses import dataclass
from datetime import timedelta

from shared.contracts import (
    choices,
    jobs,
    leads,
    mails,
    matching,
    operators,
    partners,
    replies,
    reports,
    requests,
    suspensions,
)
from shared.contracts.codec import Codec


class WrongPartitions(Exception):  # noqa: N818 - says what is the case
    """A topic has another number of partitions than the settings say: its keys would lie elsewhere than where their
    earlier records do.
    """

    def __init__(self, topic: str, found: int, expected: int) -> None:
        super().__init__(
            f"The topic {topic} has {found} partitions, and JOBWIRE_PARTITIONS says {expected}. The partition count of "
            "a keyed topic is never changed: set JOBWIRE_PARTITIONS to the number that the topic was made with. If "
            "somebody has added partitions, copy the records into a topic with the old number before going on."
        )


FOREVER: timedelta | None = None
PARTITIONS = 12
"""Frozen: another count would move keys to other partitions and tear an aggregate's order apart."""
LOCAL_PARTITIONS = 3

MIB = 1024 * 1024
MAX_MESSAGE_BYTES = 3 * MIB // 2
"""Above any contract, so that a record that is too large ends in the dead letters and not in somebody's exception."""


COMPACTED_AFTER = timedelta(days=7)
SEGMENT_AFTER = timedelta(minutes=10)
SEGMENT_BYTES = 32 * MIB


def _milliseconds(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)


@dataclass(frozen=True)
class Topic:
    """One topic: who says it, who hears it (consumer groups, `*` for every replica), what it carries and for how
    long.
    """

    name: str
    key: str
    said_by: tuple[str, ...]
    heard_by: tuple[str, ...]
    codec: Codec
    kept: timedelta | None = FOREVER
    compacted: bool = False
    heard_for: timedelta = timedelta(0)
    """How long a compacted topic keeps what is no longer the latest, for whoever reacts to each change."""
    one_clock: bool = False
    """Record times are the broker's (LogAppendTime): the one clock that decides between a reply and an expiry."""

    @property
    def config(self) -> dict[str, str]:
        """Kafka's settings of this topic."""
        return {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "retention.ms": "-1" if self.kept is None else str(_milliseconds(self.kept)),
            "message.timestamp.type": "LogAppendTime" if self.one_clock else "CreateTime",
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
            **(self._compaction if self.compacted else {}),
        }

    @property
    def _compaction(self) -> dict[str, str]:
        """Only closed segments are compacted, and only when enough of them is out of date. Kafka's own limits (a week,
        1 GiB, half) would have each new replica read a week of every change.
        """
        return {
            "min.compaction.lag.ms": str(_milliseconds(self.heard_for)),
            "segment.ms": str(_milliseconds(SEGMENT_AFTER)),
            "segment.bytes": str(SEGMENT_BYTES),
            "min.cleanable.dirty.ratio": "0.1",
        }


def _door(name: str, codec: Codec, *, said_by: tuple[str, ...], owner: str) -> Topic:
    """`owner` is the consumer group of the one service that hears it."""
    return Topic(name, "aggregate id", said_by, (owner,), codec, kept=timedelta(days=7), one_clock=True)


REQUEST_COMMANDS = _door("requests.commands", Codec(requests.COMMANDS), said_by=("gateway", "leads"), owner="leads")
MATCHING_COMMANDS = _door("matching.commands", Codec(matching.COMMANDS), said_by=("matching",), owner="matching")
JOB_COMMANDS = _door("jobs.commands", Codec(jobs.COMMANDS), said_by=("gateway", "jobs"), owner="jobs")
LEAD_COMMANDS = _door("leads.commands", Codec(leads.COMMANDS), said_by=("gateway", "leads"), owner="leads.leads")
PARTNER_COMMANDS = _door("partners.commands", Codec(partners.COMMANDS), said_by=("gateway", "seed"), owner="gateway")
REPORT_COMMANDS = _door("reports.commands", Codec(reports.COMMANDS), said_by=("gateway",), owner="gateway.report")
PEOPLE_COMMANDS = _door("people.commands", Codec(suspensions.COMMANDS), said_by=("gateway",), owner="gateway.people")

REQUESTS = Topic(
    "requests",
    "request id",
    ("leads",),
    ("matching.requests", "notifications.requests", "gateway.requests", "leads.suspensions"),
    Codec(requests.EVENTS, requests.Request),
)
MATCHES = Topic(
    "matches",
    "request id",
    ("matching",),
    ("matching.matches", "jobs.matches", "leads.matches", "notifications.matches", "gateway.matches"),
    Codec(matching.EVENTS, matching.Match),
)
JOB_EVENTS = Topic(
    "jobs.events",
    "job id",
    ("jobs",),
    (
        "jobs.partners",
        "jobs.platform",
        "matching.answers",
        "matching.standings",
        "notifications.jobs",
        "gateway.jobs",
        "gateway.search",
        "gateway.spam",
        "gateway.live*",
        "leads.jobs",
    ),
    Codec(jobs.EVENTS, jobs.Job),
)
LEAD_EVENTS = Topic(
    "leads.events",
    "lead id",
    ("leads",),
    ("matching.leads", "notifications.leads", "gateway.leads", "leads.reviews"),
    Codec(leads.EVENTS, leads.Lead),
)
PARTNERS = Topic(
    "partners",
    "partner id",
    ("gateway",),
    (
        "jobs.partners",
        "matching.partners*",
        "notifications.partners",
        "gateway.partners",
        "gateway.partners-log",
        "gateway.live*",
        "leads.partners",
    ),
    Codec(partners.EVENTS, partners.Partner),
    compacted=True,
    heard_for=COMPACTED_AFTER,  # an invitation, say, is mailed because of a change
)
STANDINGS = Topic(
    "standings",
    "partner id",
    ("matching",),
    ("matching.index*", "gateway.standings", "leads.standings"),
    Codec(matching.STANDINGS),
    compacted=True,
)
SIGN_INS = Topic(
    "sign-ins",
    "sign-in id",
    ("gateway",),
    ("notifications.sign-ins",),
    Codec(partners.SIGN_INS),
    kept=timedelta(days=1),
)
MAIL_CHOICES = Topic(
    "mail-choices",
    "address and kind of mail",
    ("gateway",),
    ("notifications.choices",),
    Codec(choices.CHOICES),
    compacted=True,
)
REPORTS = Topic(
    "reports",
    "report id",
    ("gateway",),
    ("gateway.reports",),
    Codec(reports.EVENTS, reports.Report),
    kept=timedelta(days=730),  # they hold people's words
)
SUSPENSIONS = Topic(
    "suspensions",
    "mailbox id",
    ("gateway",),
    ("leads.suspensions", "notifications.suspensions", "gateway.live*"),
    Codec(suspensions.EVENTS, suspensions.Suspension),
    compacted=True,
    heard_for=COMPACTED_AFTER,  # somebody is told, and requests are stopped, because of a change
)
OPERATOR_ACTS = Topic(
    "operator-acts", "id of what it was done to", ("gateway",), ("gateway.operator-acts",), Codec(operators.ACTS)
)
MAILS = Topic("mails", "mail id", ("notifications",), ("gateway.mails",), Codec(mails.MAILS), kept=timedelta(days=90))
REPLIES = Topic(
    "replies",
    "command id",
    ("leads", "matching", "jobs", "gateway"),
    ("leads.replies*", "gateway.replies*", "gateway.unreadable-replies"),
    Codec(replies.REPLIES),
    kept=timedelta(hours=1),
)

TOPICS = (
    REQUEST_COMMANDS,
    MATCHING_COMMANDS,
    JOB_COMMANDS,
    LEAD_COMMANDS,
    PARTNER_COMMANDS,
    REQUESTS,
    MATCHES,
    JOB_EVENTS,
    LEAD_EVENTS,
    PARTNERS,
    STANDINGS,
    SIGN_INS,
    MAIL_CHOICES,
    REPORT_COMMANDS,
    REPORTS,
    PEOPLE_COMMANDS,
    SUSPENSIONS,
    OPERATOR_ACTS,
    MAILS,
    REPLIES,
)

COMMAND_TOPICS = (
    REQUEST_COMMANDS,
    MATCHING_COMMANDS,
    JOB_COMMANDS,
    LEAD_COMMANDS,
    PARTNER_COMMANDS,
    REPORT_COMMANDS,
    PEOPLE_COMMANDS,
)
"""The one door of each aggregate."""

SERVICES = ("leads", "matching", "jobs", "notifications", "gateway")


def dead_letters_of(service: str) -> str:
    """The topic where a service puts the records it cannot use, byte for byte."""
    return f"dead-letters.{service}"


def dead_letters_config(kept: timedelta | None) -> dict[str, str]:
    """Kafka's settings of a topic of dead letters; with None they are kept for ever."""
    return {
        "cleanup.policy": "delete",
        "retention.ms": "-1" if kept is None else str(_milliseconds(kept)),
        "max.message.bytes": str(2 * MIB),
    }
