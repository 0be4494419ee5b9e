"""Received mails, decoded, in memory, in the shapes of Mailpit's API."""

import re
import uuid
import zlib
from collections import OrderedDict
from collections.abc import Iterable
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

from deploy.local.mime import Json, addresses, clean, files, html, text, without_tags

_SNIPPET = 250
_ONLY_IN_SUMMARY = {"Created", "Snippet", "Attachments", "Read"}
_TERM = re.compile(r'(?:(\w+):)?(?:"([^"]*)"|(\S+))')


class Mail:
    """One received mail. `rcpt_to` is the envelope's, so it names blind copies too.

    Kept as compressed bytes and a summary, since a parsed mail takes many times the memory.
    """

    def __init__(self, raw: bytes, mail_from: str = "", rcpt_to: Iterable[str] = ()) -> None:
        self.id = uuid.uuid4().hex
        self.received = datetime.now(UTC)
        self.read = False
        self.mail_from = mail_from
        self._rcpt_to = list(rcpt_to)
        self._compressed = zlib.compress(raw, 1)
        self._summary = self._summarise(raw)

    @property
    def raw(self) -> bytes:
        """The mail as it came over SMTP."""
        return zlib.decompress(self._compressed)

    @property
    def kept_bytes(self) -> int:
        """About how much memory the mail takes."""
        return len(self._compressed) + 2_000

    def summary(self) -> Json:
        """An entry of Mailpit's `messages`."""
        return {**self._summary, "Read": self.read}

    def full(self) -> Json:
        """Mailpit's answer for one message."""
        mail = _parsed(self.raw)
        head = {name: value for name, value in self._summary.items() if name not in _ONLY_IN_SUMMARY}
        return {
            **head,
            "Date": self._date(mail).isoformat(),
            "ReturnPath": self.mail_from,
            "Text": text(mail),
            "HTML": html(mail),
            "Attachments": files(mail),
            "Inline": [],
        }

    def headers(self) -> dict[str, list[str]]:
        """Each header's decoded values, in order."""
        found: dict[str, list[str]] = {}
        for name, value in _parsed(self.raw).items():
            found.setdefault(name, []).append(clean(value))
        return found

    def _summarise(self, raw: bytes) -> Json:
        mail = _parsed(raw)
        sender, to, cc = addresses(mail, "From"), addresses(mail, "To"), addresses(mail, "Cc")
        seen = {person["Address"].lower() for person in [*to, *cc]}
        snippet = " ".join((text(mail) or without_tags(html(mail))).split())
        return {
            "ID": self.id,
            "MessageID": clean(mail.get("Message-ID", "")).strip().strip("<>"),
            "From": sender[0] if sender else {"Name": "", "Address": self.mail_from},
            "To": to,
            "Cc": cc,
            "Bcc": [{"Name": "", "Address": rcpt} for rcpt in self._rcpt_to if rcpt.lower() not in seen],
            "ReplyTo": addresses(mail, "Reply-To"),
            "Subject": clean(mail.get("Subject", "")),
            "Created": self.received.isoformat(),
            "Size": len(raw),
            "Attachments": len(files(mail)),
            "Snippet": snippet[:_SNIPPET],
            "Tags": [],
        }

    def _date(self, mail: EmailMessage) -> datetime:
        try:
            return parsedate_to_datetime(clean(mail.get("Date", "")))
        except ValueError:
            return self.received


class Mailbox:
    """The newest mails, at most `keep` of them in about `keep_bytes` of memory; older ones are forgotten."""

    def __init__(self, keep: int = 5_000, keep_bytes: int = 20_000_000) -> None:
        self._keep = keep
        self._keep_bytes = keep_bytes
        self._bytes = 0
        self._mails: OrderedDict[str, Mail] = OrderedDict()

    def __len__(self) -> int:
        return len(self._mails)

    def add(self, mail: Mail) -> None:
        """Keeps the mail; when full, drops the oldest."""
        self._mails[mail.id] = mail
        self._bytes += mail.kept_bytes
        while len(self._mails) > self._keep or (self._bytes > self._keep_bytes and len(self._mails) > 1):
            self._forget(next(iter(self._mails)))

    def get(self, id: str) -> Mail | None:  # noqa: A002  # Mailpit's word for it
        """The mail with this id; `latest` is the newest, as in Mailpit."""
        if id == "latest":
            return next(reversed(self._mails.values()), None)
        return self._mails.get(id)

    def newest_first(self) -> list[Mail]:
        """All mails, the newest first."""
        return list(reversed(self._mails.values()))

    def search(self, query: str) -> list[Mail]:
        """The mails that match all of `to:…`, `from:…`, `subject:…` or bare words, newest first."""
        terms = [(header, quoted or bare) for header, quoted, bare in _TERM.findall(query)]
        return [mail for mail in self.newest_first() if _matches(mail.summary(), terms)]

    def delete(self, ids: Iterable[str]) -> None:
        """Forgets these mails; without ids, all (as Mailpit does)."""
        for each in list(ids) or list(self._mails):
            self._forget(each)

    def unread(self) -> int:
        """How many mails nobody has opened."""
        return sum(not mail.read for mail in self._mails.values())

    def _forget(self, id: str) -> None:  # noqa: A002
        mail = self._mails.pop(id, None)
        if mail:
            self._bytes -= mail.kept_bytes


def _parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=policy.default)


def _matches(summary: Json, terms: list[tuple[str, str]]) -> bool:
    people = {"to": [*summary["To"], *summary["Bcc"]], "from": [summary["From"]], "cc": summary["Cc"]}
    said = {name: " ".join(f"{one['Name']} {one['Address']}" for one in group) for name, group in people.items()}
    said["subject"] = summary["Subject"]
    said[""] = " ".join([*said.values(), summary["Snippet"]])
    return all(wanted.lower() in said.get(name.lower(), "").lower() for name, wanted in terms)
