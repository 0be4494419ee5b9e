"""What a mail server's refusal means: whom or what it speaks of, and what follows. Pure.

Codes alone do not say. A 550 is the answer for a mailbox that does not exist, for one whose owner takes no mail from
outside, and for a sender on a block list. So the words are read first, in the order of `_SPOKEN`; where they say
nothing, the enhanced code of RFC 3463 decides, and then the reply code. Every doubt ends with an address that is not
suppressed: only words that say that nobody is there do that.

`tests/notifications/smtp_answers.tsv` has what real servers say.
"""

import re
from enum import Enum
from typing import NamedTuple

from aiosmtplib import SMTPResponseException, SMTPSenderRefused


class Consequences(NamedTuple):
    """`comes_again`: the mail is tried again later, or else has failed. `costs`: trying uses up one of its attempts.
    `pauses`: nobody's mail would fare better now, so that all wait. `suppresses`: the address gets nothing more.
    `alarms`: operators have to do something about it.
    """

    comes_again: bool = False
    costs: bool = True
    pauses: bool = False
    suppresses: bool = False
    alarms: bool = False


class Verdict(Enum):
    """Whom or what a refusal speaks of."""

    NOBODY = "nobody"
    """There is no such mailbox."""
    FULL = "full"
    """There is one, and it takes nothing: it is full, or switched off."""
    NOT_FROM_US = "not-from-us"
    """The recipient, or its administrator, takes no mail from senders like us."""
    MESSAGE = "message"
    """This mail is not taken: its size, its form, what it says; or nobody says why."""
    TEMPORARY = "temporary"
    """Come again: greylisting, a full mailbox that may be emptied, trouble over there."""
    US = "us"
    """We are refused: block list, policy, rate, authentication, relaying, SPF, DKIM, DMARC."""
    AWAY = "away"
    """The server cannot be reached, is shutting down, or has too many connections."""

    @property
    def consequences(self) -> Consequences:
        return _CONSEQUENCES[self]


_CONSEQUENCES = {
    Verdict.NOBODY: Consequences(suppresses=True),
    Verdict.FULL: Consequences(),
    Verdict.NOT_FROM_US: Consequences(),
    Verdict.MESSAGE: Consequences(),
    Verdict.TEMPORARY: Consequences(comes_again=True),
    Verdict.US: Consequences(comes_again=True, costs=False, pauses=True, alarms=True),
    Verdict.AWAY: Consequences(comes_again=True, costs=False, pauses=True),
}


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{one})" for one in alternatives))


_TOO_LARGE = _words(
    r"(message|mail|size|data|e-?mail) .{0,40}too (big|large|long)",
    r"exceeds .{0,40}(size|limit|maximum)|message (size|length)|line too long|too (large|big) message",
)
_OUR_ADDRESS = _words(
    r"sender (address|domain|verify|verification|ip)|(domain of|from|unverified|unauthenticated|invalid|bad) sender",
    r"(from address|return[ -]?path|sender identit\w+|identities)\b.{0,80}(match|verif|reject|refus|check)",
    r"e-?mail address is not verified|mail ?from domain",
)
_LISTED = _words(
    r"spamhaus|spamcop|barracudacentral|sorbs|dnsbl|invaluement|senderscore|abusix|uceprotect|csi\.cloudmark",
    r"(black|block|deny)[ -]?list|blocked (using|due to|because of|for spam)|block for spam",
    r"\b(spf|dkim|dmarc|ptr|rdns|fcrdns)\b|reverse[ -]?(dns|hostname|lookup)|sender policy framework",
)
_NOT_FROM_US = _words(
    r"resolver\.rst\.",  # Exchange: who may write to this recipient
    r"recipient .{0,60}only accept",
    r"(not authori[sz]ed|not allowed|not permitted|restricted) to send (\w+ )?to (this|the) \w+",
    r"(user|recipient|owner) .{0,40}(has|have) (blocked|refused|rejected) (you|this sender|the sender|mail)",
    r"(blocked|rejected) by (the )?(recipient|user)",
    r"does not accept (mail|messages|e-?mail) from",
    r"not (on|in) (the )?(recipient|user)'?s? (white|allow|safe)[ -]?list",
)
_FULL = _words(
    r"(mailbox|mail box|inbox|account|maildir|user|storage|recipient)\S{0,40} .{0,40}\bfull\b",
    r"over (the |\w+ )?(allowed |storage )?quota|out of storage|exceed(ed|s|ing)? .{0,40}(quota|storage)",
    r"(mailbox|user|recipient|account|storage|disk) quota|quota (is )?(full|reached)|address rejected: quota",
    r"too much mail data|exhausted allowed storage|speichervolumen|bo[iî]te .{0,30}pleine",
    r"insufficient mailbox (space|storage)",
    r"(account|mailbox|user|address)\S* .{0,50}(disabled|inactive|suspended|deactivated|not active)",
    r"(disabled|inactive|suspended|deactivated) (user|account|mailbox|recipient)",
)
_BUSY_MAILBOX = _words(r"(mail|inbox|mailbox|account|user|recipient|message) .{0,60}(too quickly|at a rate)")
_NOBODY = _words(
    r"(user|recipient|mailbox|address|account|addressee|local[ -]part|login)\S{0,60}( is| was)? "
    r"(unknown|not found|not known|invalid|not exist)",
    r"(unknown|invalid|no such|non-?existent|bad|undeliverable) (or \w+ )?(e-?mail |virtual |local |destination )?"
    r"(user|recipient|mailbox|address|account|addressee|local[ -]part|person)\b",
    r"(user|recipient|mailbox|address|account|e-?mail)\b.{0,90}(does not|doesn'?t|do not|don'?t) "
    r"(exist|have an?\b.{0,40} account)",
    r"not (a )?(known|valid|local|existing) (user|mailbox|recipient)|user not local|not our customer",
    r"no (mailbox|mail box|account|user|one|person|recipient)\b.{0,30}(here|by that name|at this|found)",
    r"mailbox (is )?(unavailable|not found)|address no longer accepts|no longer (valid|in use|exists|on server)",
    r"unrout(e)?able address|recipnotfound|recipientnotfound|not listed in domino|null mx",
    r"recipient address rejected: access denied",  # Microsoft 365, of addresses that it does not know
    r"destinataire.{0,40}invalide|nobody (by|of) that name|benutzer nicht bekannt|utilisateur inconnu",
)
_MESSAGE = _words(
    r"virus|malware|phish|infected|malicious|attachment|file type",
    r"(content|message|mail|e-?mail|subject|header)\b.{0,60}"
    r"(detected|looks like|identified|classified|considered|deemed|suspicion) .{0,40}(spam|junk|suspicio|bulk)",
    r"(message|mail) .{0,40}blocked because its content|content (rejected|denied|filter|blocked)",
    r"spam (message|detected|content|score)|mail rejet[eé]|reject, id=\S+ - spam",
    r"rfc ?[25]?[38]22|(missing|malformed|duplicate|invalid) .{0,20}header|bare (lf|cr)",
)
_US = _words(
    r"(client|remote|your|the) (host|ip|server|network|address|domain)\b.{0,80}(reject|refus|block|denied|banned)",
    r"(has been|is) (\w+ )?blocked|blocked -|block list|banned|reputation|access .{0,40}(denied|rejected)|\(bl\)$",
    r"relay(ing)?\b.{0,40}(denied|disallowed|not permitted|not allowed|prohibited|refused)|allowed rcpthosts",
    r"(denied|refused|not|cannot|unable to) .{0,20}relay",
    r"authentication (is )?(required|failed|credentials)|must (be authenticated|authenticate|log ?in|issue)",
    r"not authenticated|unauthori[sz]ed|unauthenticated|(invalid|incorrect|bad|wrong) (login|password|credentials)",
    r"rate[ -]?limit|throttl|too many|too fast|slow(ing)? down|unusual|complaints",
    r"(limit|credits|volume) .{0,30}exceeded",
    r"polic(y|ies)|does not resolve|not meet|service (unavailable|refus)|sending .{0,20}(limit|quota|paused|disabled)",
    r"dynamic ip|unsolicited|is not allowed to send|unverified",
)
_GREYLISTED = _words(r"gr[ea]y[ -]?list", r"try again (in|after) \d+ (seconds|minutes)", r"in progress")
_AWAY = _words(
    r"too many (concurrent |simultaneous )?(connections|sessions)|trop de connexions|server busy|load average",
    r"shutting down|closing (transmission|connection|channel)|service (is )?(temporarily )?not available",
)

_SPOKEN = (
    (_NOT_FROM_US, Verdict.NOT_FROM_US),
    (_LISTED, Verdict.US),
    (_OUR_ADDRESS, Verdict.US),
    (_FULL, Verdict.FULL),
    (_TOO_LARGE, Verdict.MESSAGE),
    (_NOBODY, Verdict.NOBODY),
    (_MESSAGE, Verdict.MESSAGE),
    (_US, Verdict.US),
)
"""What the words say, the first that applies. What speaks of us by name comes before what speaks of the recipient:
"Sender address rejected: Domain not found" is no word about who the mail was for.
"""

_ENHANCED = (
    ("5.1.1 5.1.2 5.1.3 5.1.6 5.1.10 5.4.310", Verdict.NOBODY),
    ("5.2.1 5.2.2 5.7.13", Verdict.FULL),
    ("5.7.129 5.7.133 5.7.134", Verdict.NOT_FROM_US),
    ("5.2.3 5.3.4 5.5.2 5.6", Verdict.MESSAGE),
    ("5.1.7 5.1.8 5.5.1 5.7", Verdict.US),
)
_LOGIN = frozenset({530, 534, 535, 538})
_CODE = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")


def verdict_of(code: int, text: str) -> Verdict:
    """What a refusal of the recipient or of the message means. Of the session itself it is `session_verdict`."""
    said = " ".join(text.split()).lower()
    return _temporary(code, said) if code < 500 else _permanent(code, said)


def session_verdict(code: int) -> Verdict:
    """What a refusal means before any recipient was named: at the greeting, the login, or our own address."""
    return Verdict.AWAY if code < 500 else Verdict.US


def verdict(refusal: Exception) -> Verdict:
    """The verdict on what went wrong with one mail: an answer, a broken connection, or an address that cannot be
    written down.
    """
    if isinstance(refusal, SMTPSenderRefused):
        return session_verdict(refusal.code)
    if isinstance(refusal, SMTPResponseException):
        return verdict_of(refusal.code, refusal.message)
    return Verdict.MESSAGE if isinstance(refusal, UnicodeError) else Verdict.AWAY


def _temporary(code: int, said: str) -> Verdict:
    if code == 421 or _AWAY.search(said):
        return Verdict.AWAY
    if any(words.search(said) for words in (_GREYLISTED, _BUSY_MAILBOX, _FULL)):
        return Verdict.TEMPORARY
    about_us = any(words.search(said) for words in (_LISTED, _OUR_ADDRESS, _US))
    return Verdict.US if about_us else Verdict.TEMPORARY


def _permanent(code: int, said: str) -> Verdict:
    if code in _LOGIN:
        return Verdict.US
    for words, verdict in _SPOKEN:
        if words.search(said):
            return verdict
    found = _CODE.search(said)
    enhanced = found.group() if found else ""
    for known, verdict in _ENHANCED:
        if any(enhanced == one or enhanced.startswith(f"{one}.") for one in known.split()):
            return verdict
    return Verdict.FULL if code == 552 and not enhanced else Verdict.NOBODY if code == 551 else Verdict.MESSAGE
