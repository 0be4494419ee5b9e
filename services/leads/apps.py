"""Store apps that post for their signed-in merchants: each body is signed with a secret that only app and Jobwire know.

`Jobwire-Timestamp` counts seconds since 1970 and may be five minutes off; `Jobwire-Signature` is `v1=` and the hex
HMAC-SHA256 over timestamp, a dot, and the body. What somebody catches and sends again within these minutes is the same
request: by its `Idempotency-Key`, and under another key by its words (`services.leads.recent`).
"""

import hmac
from collections import defaultdict
from hashlib import sha256

from shared.clock import Clock
from shared.http import Problem
from shared.settings import Settings

SKEW_SECONDS = 300


def signature(secret: str, timestamp: str, body: bytes) -> str:
    return "v1=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, sha256).hexdigest()


class Apps:
    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Raises ValueError for a key that is none, or too short to be a secret."""
        self._clock = clock
        self._secrets: dict[str, list[str]] = defaultdict(list)
        for pair in settings.app_keys.get_secret_value().split(","):
            app, _, secret = pair.strip().partition(":")
            if not pair.strip():
                continue
            if not app or len(secret) < 16:
                raise ValueError("JOBWIRE_APP_KEYS are app:secret pairs, each secret of 16 characters or more.")
            self._secrets[app].append(secret)

    def check(self, app: str, timestamp: str, given: str, body: bytes) -> None:
        """Raises `Problem` unless the app has signed this body just now."""
        # An unknown app takes as long as a known one.
        secrets = self._secrets.get(app, ["a secret that nobody has"])
        signed = [hmac.compare_digest(signature(one, timestamp, body).encode(), given.encode()) for one in secrets]
        if app not in self._secrets or not any(signed):
            raise Problem(401, "bad_signature", "The app is unknown, or its signature does not fit the body.")
        if not _is_now(timestamp, self._clock.now().timestamp()):
            raise Problem(401, "bad_timestamp", "The signature is too old, or from the future: check the app's clock.")


def _is_now(timestamp: str, now: float) -> bool:
    return timestamp.isascii() and timestamp.isdecimal() and abs(int(timestamp[:16]) - now) <= SKEW_SECONDS
