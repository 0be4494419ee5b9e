"""What matching reads of a partner: its topic carries teams and what changed besides, and parsing those for ten
thousand changes a second would leave little time for matching.
"""

from dataclasses import replace
from uuid import UUID

from shared.contracts.base import Contract, Message
from shared.contracts.codec import Codec
from shared.contracts.partners import Admitted, Preferences, Profile
from shared.topics import PARTNERS


class SeenMember(Contract):
    email: str
    joined: bool = True


class SeenPartner(Admitted):
    """As `shared.contracts.partners.Partner`; of the team no more than whose mailboxes are in it."""

    partner_id: UUID
    profile: Profile
    preferences: Preferences
    members: tuple[SeenMember, ...] = ()
    blocked_by: tuple[UUID, ...] = ()


class PartnerChanged(Message):
    """What changed is not looked at: the snapshot says how it is now."""


SEEN_PARTNERS = replace(PARTNERS, codec=Codec((PartnerChanged,), SeenPartner))
