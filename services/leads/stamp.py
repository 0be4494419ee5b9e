"""What tells a person's form from a program's: a field that only programs fill, and when the form was rendered."""

from datetime import datetime
from uuid import UUID, uuid4

from itsdangerous import BadSignature, URLSafeSerializer

from shared.clock import Clock
from shared.settings import Settings

TRAP = "homepage"
"""A field that nobody sees. Browsers have nothing to fill it with."""


class BadStamp(Exception):  # noqa: N818 - what the person sees
    """The form is not ours, too old, or came back too fast. `keeps` says whether its stamp is good for another try."""

    def __init__(self, code: str, *, keeps: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.keeps = keeps


class Stamps:
    """Each rendered form carries when that was and an id of its own, signed."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        # itsdangerous signs with the last key and accepts all; the settings name the current one first.
        self._signer = URLSafeSerializer(list(reversed(settings.keys)), salt="jobwire.form")
        self._soonest, self._latest = settings.form_seconds
        self._clock = clock

    def fresh(self) -> str:
        # Not the serializer's own time stamp: it has whole seconds and another clock.
        return str(self._signer.dumps({"id": str(uuid4()), "at": self._clock.now().isoformat()}))

    def read(self, stamp: str) -> UUID:
        """The form's id. Raises `BadStamp`."""
        try:
            claims = self._signer.loads(stamp)
            form_id, rendered_at = UUID(claims["id"]), datetime.fromisoformat(claims["at"])
        except (BadSignature, KeyError, TypeError, ValueError):
            raise BadStamp("stale") from None
        age = (self._clock.now() - rendered_at).total_seconds()
        if age > self._latest:
            raise BadStamp("stale")
        if age < self._soonest:
            raise BadStamp("too_fast", keeps=True)
        return form_id
