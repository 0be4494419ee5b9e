"""Cursors that tell nothing to whoever holds them.

A place in the log tells how much has happened to everybody: between two events of its own job, or two pings, a merchant
could count what the partner's team does among itself, and a partner whether an end was one event or two. So a cursor is
sealed, always of one length for one number of partitions, and never twice the same.

It is encrypted and then authenticated, both by keyed BLAKE2b (RFC 7693): a keystream of `BLAKE2b(key, nonce | block)`,
and a tag over nonce and ciphertext under a second key. Both keys follow from the settings'.
"""

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

NONCE, TAG, BLOCK = 16, 16, 64
MOST = 4096
"""No cursor is longer. What somebody sends is not looked at beyond that."""


class _Keys(NamedTuple):
    stream: bytes
    tag: bytes


class Seals:
    def __init__(self, keys: Sequence[str]) -> None:
        """`keys` are those of the settings: the first seals, all open."""
        self._keys = [_Keys(_derived(key, b"stream"), _derived(key, b"tag")) for key in keys]

    def seal(self, text: str) -> str:
        """In letters, digits, `-` and `_`."""
        keys, plain = self._keys[0], text.encode()
        plain = plain.ljust(-(-len(plain) // BLOCK) * BLOCK, b" ")
        nonce = secrets.token_bytes(NONCE)
        hidden = _xored(plain, keys.stream, nonce)
        return urlsafe_b64encode(nonce + _tag(keys.tag, nonce + hidden) + hidden).decode().rstrip("=")

    def open(self, sealed: str) -> str | None:
        """What was sealed; None for anything else, and for what was sealed by a key that is gone."""
        try:
            raw = urlsafe_b64decode(sealed[:MOST].encode("ascii") + b"==")
        except ValueError:
            return None
        nonce, tag, hidden = raw[:NONCE], raw[NONCE : NONCE + TAG], raw[NONCE + TAG :]
        for keys in self._keys:
            if hmac.compare_digest(tag, _tag(keys.tag, nonce + hidden)):
                return _xored(hidden, keys.stream, nonce).decode().rstrip(" ")
        return None


def _derived(key: str, use: bytes) -> bytes:
    return hmac.digest(key.encode(), b"jobwire.cursor/" + use, "sha256")


def _tag(key: bytes, data: bytes) -> bytes:
    return blake2b(data, key=key, digest_size=TAG).digest()


def _xored(data: bytes, key: bytes, nonce: bytes) -> bytes:
    blocks = range(-(-len(data) // BLOCK))
    stream = b"".join(blake2b(nonce + number.to_bytes(4), key=key).digest() for number in blocks)[: len(data)]
    return (int.from_bytes(data) ^ int.from_bytes(stream)).to_bytes(len(data))
