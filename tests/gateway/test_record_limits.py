"""Whatever a partner's people do, what is said of it can be read by those who hear it."""

from collections.abc import Iterator

import pytest

from services.gateway.partner import decide, evolve
from services.gateway.team import MOST_INVITED, MOST_MEMBERS
from shared.contracts.base import Actor, ActorKind, Locale, Message, derived_id
from shared.contracts.codec import MAX_RECORD_BYTES, encode
from shared.contracts.partners import (
    MOST_BLOCKS,
    AcceptInvitation,
    BlockPartner,
    ChangeProfile,
    InviteMember,
    MailTopic,
    Member,
    Partner,
    PartnerChanged,
    Profile,
    RegisterPartner,
    RemoveMember,
    Role,
    member_id_of,
)
from shared.decisions import Rejection
from shared.topics import PARTNERS
from tests.builders import BY_PARTNER, BY_SYSTEM, NOW, PARTNER_ID, a_member, a_partner, an_event

LONG = "𠮷" * 200
"""A name of as many bytes as a name can have."""


class Life:
    """A partner that obeys, and what is said of it."""

    def __init__(self, partner: Partner | None = None) -> None:
        self.partner = partner or a_partner(members=(a_member(),))

    def tell(self, command: Message) -> str:
        """The refusal's code, or nothing. Whatever is decided must be readable."""
        decision = decide(self.partner, command, PARTNER_ID, NOW)
        if isinstance(decision, Rejection):
            return decision.code
        for fact in decision:
            self.partner = evolve(self.partner, fact, PARTNER_ID, NOW)
            record = encode(an_event(fact, self.partner, subject=PARTNER_ID))
            assert len(record) <= MAX_RECORD_BYTES, f"{type(command).__name__}: {len(record)}"
        return ""

    def invites(self, number: int) -> str:
        email = f"{number}@{'x' * 60}.{'y' * 60}.{'z' * 60}.example"
        invitation = InviteMember(name=LONG, email=email, role=Role.ADMIN, locale=Locale.JA, actor=BY_PARTNER)
        return self.tell(invitation)

    def joins(self, number: int) -> str:
        refused = self.invites(number)
        return refused or self.tell(AcceptInvitation(actor=by(self.partner.members[-1].member_id)))


def by(member_id: object) -> Actor:
    return Actor(kind=ActorKind.PARTNER, partner_id=PARTNER_ID, member_id=member_id)


def merchants(count: int) -> Iterator[Actor]:
    for number in range(count):
        yield Actor(kind=ActorKind.MERCHANT, merchant_id=derived_id("merchant", number))


def test_many_merchants_block_and_every_block_is_said() -> None:
    life = Life()
    for merchant in merchants(MOST_BLOCKS + 50):
        (fact,) = decide(life.partner, BlockPartner(actor=merchant), PARTNER_ID, NOW)
        assert fact.blocked == merchant.merchant_id
        assert life.tell(BlockPartner(actor=merchant)) == ""
    assert len(life.partner.blocked_by) == MOST_BLOCKS
    assert life.partner.blocked_by[-1] == merchant.merchant_id


def test_a_list_of_blocks_from_before_there_was_a_bound_shrinks_with_the_next_change() -> None:
    crowd = tuple(actor.merchant_id for actor in merchants(25_000))
    life = Life(a_partner(blocked_by=crowd, members=(a_member(), a_member("Ken", Role.ADMIN))))
    assert life.tell(RemoveMember(member_id=derived_id("member", "ken"), actor=BY_PARTNER)) == ""
    assert life.partner.blocked_by == crowd[-MOST_BLOCKS:]
    assert [member.name for member in life.partner.members] == ["Aiko"]


def test_a_team_of_the_longest_names_grows_until_it_is_told_that_it_is_too_large_and_people_can_still_leave() -> None:
    life = Life(a_partner(members=(a_member(),), blocked_by=tuple(one.merchant_id for one in merchants(MOST_BLOCKS))))
    refused = next(refused for number in range(MOST_MEMBERS) if (refused := life.joins(number)))
    assert refused == "too_large"
    late = Actor(kind=ActorKind.MERCHANT, merchant_id=derived_id("a late merchant"))
    assert life.tell(BlockPartner(actor=late)) == "", "Nobody grows until it cannot be blocked."
    for member in life.partner.members[1:4]:
        assert life.tell(RemoveMember(member_id=member.member_id, actor=BY_PARTNER)) == ""


def test_a_team_of_ordinary_names_is_as_large_as_it_may_be() -> None:
    crowd = tuple(
        a_member(f"Member {number} of many", Role.MEMBER, email=f"m{number}@hoshi.example")
        for number in range(MOST_MEMBERS - 1)
    )
    life = Life(
        a_partner(members=(a_member(), *crowd), blocked_by=tuple(one.merchant_id for one in merchants(MOST_BLOCKS)))
    )
    assert life.tell(RemoveMember(member_id=crowd[0].member_id, actor=BY_PARTNER)) == ""
    assert life.invites(1) == ""
    assert life.invites(2) == "too_many_members"


def test_so_many_invitations_wait_at_once_and_no_more() -> None:
    life = Life()
    assert [life.invites(number) for number in range(MOST_INVITED)] == [""] * MOST_INVITED
    assert life.invites(MOST_INVITED) == "too_many_invitations"
    assert life.invites(3) == "", "The same again takes no further place."
    assert life.tell(AcceptInvitation(actor=by(life.partner.members[1].member_id))) == ""
    assert life.invites(MOST_INVITED) == ""


def test_a_partner_that_is_too_large_is_not_registered() -> None:
    crowd = tuple(
        Member(
            member_id=member_id_of(PARTNER_ID, f"{number}@hoshi.example"),
            name=LONG,
            email=f"{number}@hoshi.example",
            role=Role.OWNER,
            locale=Locale.JA,
            mailed=tuple(MailTopic),
        )
        for number in range(500)
    )
    partner = a_partner(members=crowd)
    register = RegisterPartner(
        profile=partner.profile, preferences=partner.preferences, members=partner.members, actor=BY_SYSTEM
    )
    decision = decide(None, register, PARTNER_ID, NOW)
    assert isinstance(decision, Rejection)
    assert decision.code == "too_large"


def test_a_profile_of_the_longest_texts_can_be_said() -> None:
    life = Life()
    partner = a_partner(portfolio=("𠮷" * 300,) * 20)
    profile = partner.profile
    said = {
        name: getattr(profile, name)
        for name in ChangeProfile.model_fields.keys() & Profile.model_fields.keys() - {"about", "name"}
    }
    assert life.tell(ChangeProfile(**said, about="𠮷" * 8192, name=LONG, actor=BY_PARTNER)) == ""


@pytest.mark.parametrize("with_member", [True, False])
def test_older_records_of_a_team_are_folded_as_before(*, with_member: bool) -> None:
    before = a_partner()
    ken = before.members[1]
    rest = before.members[:1]
    fact = PartnerChanged(members=rest, removed=ken) if with_member else PartnerChanged(members=rest)
    assert evolve(before, fact, PARTNER_ID, NOW).members == rest


def test_an_older_release_hears_whom_a_block_is_about() -> None:
    (fact,) = decide(a_partner(), BlockPartner(actor=next(merchants(1))), PARTNER_ID, NOW)
    heard = PARTNERS.codec.decode(encode(an_event(fact, a_partner(), subject=PARTNER_ID))).fact
    assert heard.blocked_by == (heard.blocked,)
