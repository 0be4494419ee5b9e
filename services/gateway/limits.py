"""How often each act of a person may happen, above all where it mails somebody. One table; whoever asks an owner on
behalf of a person counts first.

Numbers are far above what honest people do: an agency of thirty behind one address, a hundred answers in an hour. A
setting (`JOBWIRE_LIMITS`) changes any of them by its name, as in `{"send_message.person": "60/minute"}`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared.contracts import jobs, leads, partners, reports, requests
from shared.contracts.base import Message, mailbox_key
from shared.rates import Limit, Rates


class By(StrEnum):
    """Who or what is counted."""

    NETWORK = "network"
    PERSON = "person"
    ORGANISATION = "organisation"
    SUBJECT = "subject"
    """The job, lead or request that it is about, for each side."""
    TARGET = "target"
    """The mailbox that is written to, whoever causes it."""
    EVERYBODY = "everybody"


class Act(StrEnum):
    """What people do that is no command."""

    ASK_LINK = "ask_link"
    """Ask for a sign-in link."""
    ASK_NEWCOMERS_LINK = "ask_newcomers_link"
    """Ask for a link to an address that nobody knows."""
    MAIL_LINK = "mail_link"
    """A link goes to this mailbox, whoever asked."""
    CHECK_STORE = "check_store"
    """Have a store looked at, whether it shows a token."""
    NAME_ADDRESS = "name_address"
    """An address for notifications is named, and asked to confirm."""


Limits = Mapping[By, str]
Counted = type[Message] | Act

_STATE = {By.SUBJECT: "20/hour;60/day"}
_TEAM = {By.PERSON: "60/minute;1000/hour"}

TABLE: Mapping[Counted, Limits] = {
    Act.ASK_LINK: {By.NETWORK: "60/hour;300/day", By.EVERYBODY: "3000/minute"},
    Act.ASK_NEWCOMERS_LINK: {By.NETWORK: "10/hour;30/day", By.EVERYBODY: "600/hour"},
    Act.MAIL_LINK: {By.TARGET: "5/15minutes;20/day"},
    Act.NAME_ADDRESS: {By.ORGANISATION: "5/hour;10/day", By.TARGET: "2/day"},
    Act.CHECK_STORE: {By.PERSON: "20/hour;60/day"},
    partners.RegisterPartner: {By.PERSON: "5/day"},
    partners.InviteMember: {By.ORGANISATION: "40/hour;100/day", By.TARGET: "5/day"},
    partners.ChangeMember: _TEAM,
    partners.RemoveMember: _TEAM,
    partners.BlockPartner: {By.PERSON: "60/hour"},
    jobs.SendMessage: {By.PERSON: "30/minute;600/hour", By.SUBJECT: "20/minute;200/hour"},
    jobs.AddComment: {By.PERSON: "60/minute;1000/hour"},
    jobs.AssignMembers: _TEAM,
    jobs.AssignMember: _TEAM,
    jobs.UnassignMember: _TEAM,
    jobs.DeclineJob: _STATE,
    jobs.EndConversation: _STATE,
    jobs.MarkInactive: _STATE,
    jobs.CompleteJob: _STATE,
    jobs.ReactivateJob: _STATE,
    jobs.UndoAct: _STATE,
    jobs.ReviewJob: {By.PERSON: "20/hour"},
    jobs.EditReview: {By.SUBJECT: "5/hour;10/day"},
    jobs.AskReview: {By.PERSON: "100/hour"},
    jobs.AnswerReview: {By.PERSON: "100/hour"},
    jobs.AskAccess: {By.SUBJECT: "3/day", By.ORGANISATION: "50/day"},
    jobs.ConsentAccess: {By.SUBJECT: "10/day"},
    jobs.RefuseAccess: {By.SUBJECT: "10/day"},
    jobs.RequestAccess: {By.SUBJECT: "10/day"},
    jobs.RevokeAccess: {By.SUBJECT: "10/day"},
    leads.AskLeadReview: {By.ORGANISATION: "100/day"},
    requests.WithdrawRequest: {By.PERSON: "60/hour"},
    reports.FileReport: {By.PERSON: "30/hour;100/day"},
}
"""What is not in it mails nobody: see `FREE`."""

FREE: frozenset[type[Message]] = frozenset({
    jobs.OpenJob,
    jobs.OpenReply,
    partners.AcceptInvitation,
    partners.ChangeOwnSettings,
    partners.ChangePreferences,  # but for a new address: `Act.NAME_ADDRESS`
    partners.ChangeProfile,
    partners.OfferService,
    partners.WithdrawService,
    partners.PublishProfile,
    partners.UnpublishProfile,
})  # fmt: skip
"""Commands of people that mail nobody."""

_SENTENCE = {
    By.NETWORK: "Too many from your network.",
    By.PERSON: "Too often.",
    By.ORGANISATION: "Your organisation has done this too often.",
    By.SUBJECT: "Too often for one job.",
    By.TARGET: "This address has been written to too often.",
    By.EVERYBODY: "Too many people are doing this just now.",
}


def name_of(act: Counted) -> str:
    """`SendMessage` as `send_message`."""
    return act.value if isinstance(act, Act) else re.sub(r"(?<!^)(?=[A-Z])", "_", act.__name__).lower()


@dataclass(frozen=True)
class Counting:
    """Who does something to what, as the limits count it. Empty: there is none."""

    person: str = ""
    organisation: str = ""
    subject: str = ""
    target: str = ""
    network: str = ""

    def who(self, by: By) -> str:
        match by:
            case By.NETWORK:
                return self.network
            case By.PERSON:
                return self.person
            case By.ORGANISATION:
                return self.organisation
            case By.SUBJECT:  # each side by itself: one that goes on takes nothing from the other
                return f"{self.subject}/{self.organisation or self.person}"
            case By.TARGET:
                return mailbox_key(self.target)
            case By.EVERYBODY:
                return ""


class ActLimits:
    """Raises ValueError for a setting that names no limit, or is none."""

    def __init__(self, rates: Rates, changed: Mapping[str, str]) -> None:
        self._rates = rates
        self._limits = {
            act: {
                by: Limit(name, changed.get(name, windows), _SENTENCE[by])
                for by, windows in limits.items()
                if (name := f"{name_of(act)}.{by.value}")
            }
            for act, limits in TABLE.items()
        }
        names = {limit.name for limits in self._limits.values() for limit in limits.values()}
        if unknown := changed.keys() - names:
            raise ValueError(f"JOBWIRE_LIMITS: there is no limit {min(unknown)!r}. There are {sorted(names)}.")
        for limits in self._limits.values():
            for limit in limits.values():
                limit.items()

    async def count(self, act: Counted, counting: Counting) -> None:
        """Raises `TooMany`, or `Transient` when nobody can count. The narrowest comes first: what one is refused takes
        nothing from others.
        """
        for by, limit in self._limits.get(act, {}).items():
            await self._rates.count(limit, counting.who(by))
