"""What matching reads of a partner: its topic carries teams and what changed besides, and parsing those for ten
thousand changes a second would leave little time for matching.
"""

from dataclasses import replace
from uuid import UUID

from shared.contracts.base import Message, Snapshot
from shared.contracts.codec import Codec
from shared.contracts.partners import Preferences, Profile
from shared.topics import PARTNERS


class SeenPartner(Snapshot):
    """As `shared.contracts.partners.Partner`, without the team."""

    partner_id: UUID
    profile: Profile
    preferences: Preferences
    blocked_by: tuple[UUID, ...] = ()


class PartnerChanged(Message):
    """What changed is not looked at: the snapshot says how it is now."""


SEEN_PARTNERS = replace(PARTNERS, codec=Codec((PartnerChanged,), SeenPartner))
