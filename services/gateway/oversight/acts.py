"""A trace of all that operators do: said before it is done, and once more when it is known how it ended."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from starlette.responses import Response

from services.gateway.api.asking import Origin
from services.gateway.operators import Operator
from shared.clock import Clock
from shared.commands import command, not_taken_while_away
from shared.contracts.base import derived_id
from shared.contracts.operators import ActBegun, ActEnded, Deed, OperatorsAct, Outcome
from shared.http import Problem
from shared.publisher import Publisher, outgoing
from shared.security_events import SecurityEvent, SecurityLog
from shared.topics import OPERATOR_ACTS


class ActLog:
    def __init__(self, publisher: Publisher, clock: Clock, security: SecurityLog) -> None:
        self._publisher = publisher
        self._clock = clock
        self._security = security

    async def traced(  # noqa: PLR0913 - an act's fields, named
        self,
        operator: Operator,
        deed: Deed,
        subject: UUID,
        *,
        reason: str,
        origin: Origin,
        do: Callable[[], Awaitable[Any]],
    ) -> Any:
        """What `do` gives. It is not called unless the log has the act. Raises as `do` does, and `NotTaken`: whoever
        sends the same again under the same key does the same act.
        """
        act = OperatorsAct(
            act_id=origin.command_id(f"operator/{operator.name}", deed.value, subject),
            operator=operator.name,
            deed=deed,
            subject=subject,
            reason=reason,
            at=self._clock.now(),
        )
        await self._say(ActBegun(act=act), act, "begun")
        try:
            answer = await do()
        except Problem as refused:
            await self._ended(act, Outcome.REFUSED, refused.code)
            raise
        await self._ended(act, Outcome.UNANSWERED if isinstance(answer, Response) else Outcome.DONE)
        return answer

    async def _ended(self, act: OperatorsAct, outcome: Outcome, code: str = "") -> None:
        self._security.event(
            SecurityEvent.OPERATOR_ACTED,
            act_id=str(act.act_id),
            operator=act.operator,
            deed=act.deed.value,
            subject=str(act.subject),
            outcome=outcome.value,
            code=code,
        )
        await self._say(ActEnded(act=act, outcome=outcome, code=code), act, outcome.value)

    async def _say(self, data: ActBegun | ActEnded, act: OperatorsAct, step: str) -> None:
        record = command(
            data,
            act.subject,
            source="gateway",
            time=self._clock.now(),
            command_id=derived_id("operators act", act.act_id, step),
            correlation_id=act.act_id,
        )
        with not_taken_while_away():
            await self._publisher.publish([outgoing(OPERATOR_ACTS.name, record)])
