"""Puts the invented market through the front door: one RegisterPartner each, on `partners.commands`."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

from deploy.market import load_partners
from shared.clock import SystemClock
from shared.commands import command
from shared.contracts.base import SYSTEM, derived_id
from shared.contracts.partners import Member, Preferences, Profile, RegisterPartner
from shared.publisher import KafkaPublisher, Outgoing, outgoing
from shared.settings import Settings
from shared.topics import PARTNER_COMMANDS


async def seed(settings: Settings, partners: Sequence[dict[str, Any]] | None = None) -> int:
    """Register every partner of the market, or these; gives their number. Doing it again changes nothing."""
    publisher = KafkaPublisher(settings, "jobwire-seed")
    await publisher.start()
    try:
        records = [_registered(partner) for partner in partners or load_partners()]
        await publisher.publish(records)
    finally:
        await publisher.stop()
    return len(records)


def _registered(partner: dict[str, Any]) -> Outgoing:
    partner_id = UUID(partner["partner_id"])
    data = RegisterPartner(
        profile=Profile.model_validate(partner),
        preferences=Preferences.model_validate(partner["preferences"]),
        members=tuple(Member.model_validate(member) for member in partner["members"]),
        actor=SYSTEM,
    )
    # The id follows from the content: the same market is the same commands, a changed partner is a new one.
    content = sha256(data.model_dump_json().encode()).hexdigest()
    record = command(
        data,
        partner_id,
        source="seed",
        time=SystemClock().now(),
        command_id=derived_id("seed", partner_id, content),
    )
    return outgoing(PARTNER_COMMANDS.name, record)
