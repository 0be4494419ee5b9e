"""What operators decide of an organisation, and what a suspended one may do."""

from typing import Any

import pytest

from services.gateway.partner import MOST_BYTES, _size, decide, evolve, missing
from shared.contracts.base import SYSTEM, Actor, ActorKind, Message
from shared.contracts.partners import (
    AcceptInvitation,
    Approval,
    BlockPartner,
    ChangeOwnSettings,
    ChangePreferences,
    ChangeProfile,
    InviteMember,
    OfferService,
    Partner,
    Preferences,
    PublishProfile,
    RegisterPartner,
    RemoveMember,
    RestorePartner,
    Role,
    SuspendPartner,
    UnpublishProfile,
    VouchForPartner,
    WithdrawService,
)
from shared.decisions import Rejection
from tests.builders import AIKO, BY_MERCHANT, BY_PARTNER, KEN, NOW, PARTNER_ID, a_member, a_partner, an_offer

OPERATOR = Actor(kind=ActorKind.OPERATOR, name="olga")
WHY = "It sends strangers advertising."


def after(partner: Partner, *commands: Message) -> Partner:
    for command in commands:
        facts = decide(partner, command, PARTNER_ID, NOW)
        assert not isinstance(facts, Rejection), facts
        for fact in facts:
            partner = evolve(partner, fact, PARTNER_ID, NOW)
    return partner


def refused(partner: Partner | None, command: Message) -> str:
    decision = decide(partner, command, PARTNER_ID, NOW)
    assert isinstance(decision, Rejection), decision
    return decision.code


def suspend(actor: Actor = OPERATOR) -> SuspendPartner:
    return SuspendPartner(reason=WHY, actor=actor)


def restore(actor: Actor = OPERATOR) -> RestorePartner:
    return RestorePartner(reason="A mistake.", actor=actor)


def vouch(approval: Approval = Approval.APPROVED, actor: Actor = OPERATOR) -> VouchForPartner:
    return VouchForPartner(approval=approval, reason="Known for years.", actor=actor)


def test_each_approval_owns_what_it_allows() -> None:
    rights = {one: one.rights for one in Approval}
    assert [one.leads for one in rights.values()] == [False, False, True]
    assert [one.jobs for one in rights.values()] == [False, True, True]
    assert [one.listed for one in rights.values()] == [False, True, True]
    assert [one.few_jobs for one in rights.values()] == [False, True, False]


def test_a_suspended_organisation_has_no_right_whatever_its_approval() -> None:
    assert not any(after(a_partner(), suspend()).rights)
    assert after(a_partner(), suspend(), restore()).rights == Approval.APPROVED.rights


def test_what_an_operator_does_has_a_name_and_a_reason() -> None:
    (fact,) = decide(a_partner(), suspend(), PARTNER_ID, NOW)
    assert (fact.actor, fact.reason, fact.suspended.reason, fact.suspended.at) == (OPERATOR, WHY, WHY, NOW)
    assert refused(a_partner(), suspend(Actor(kind=ActorKind.OPERATOR))) == "forbidden"


@pytest.mark.parametrize("actor", [BY_PARTNER, BY_MERCHANT], ids=lambda one: one.kind)
@pytest.mark.parametrize("command", [suspend, restore, vouch], ids=lambda one: one.__name__)
def test_only_operators_decide_it(actor: Actor, command: Any) -> None:
    suspended = after(a_partner(approval=Approval.PENDING), suspend())
    assert refused(suspended, command(actor=actor)) == "forbidden"


@pytest.mark.parametrize("command", [suspend(), vouch()], ids=lambda one: type(one).__name__)
def test_the_same_again_changes_nothing(command: Message) -> None:
    once = after(a_partner(approval=Approval.PROBATION), command)
    assert decide(once, command, PARTNER_ID, NOW) == []
    assert decide(a_partner(), restore(), PARTNER_ID, NOW) == []


BY_KEN = BY_PARTNER.model_copy(update={"member_id": KEN})
OF_THE_TEAM: list[Message] = [
    ChangePreferences(preferences=Preferences(available=False), actor=BY_PARTNER),
    ChangeProfile(**a_partner("New name").profile.model_dump(exclude={"published", "services"}), actor=BY_PARTNER),
    OfferService(offer=an_offer("migration"), actor=BY_PARTNER),
    WithdrawService(service="seo", actor=BY_PARTNER),
    PublishProfile(actor=BY_PARTNER),
    UnpublishProfile(actor=BY_PARTNER),
    InviteMember(name="Léa", email="lea@hoshi.example", role=Role.MEMBER, locale="fr", actor=BY_PARTNER),
    AcceptInvitation(actor=BY_KEN),
    ChangeOwnSettings(name="A", locale="fr", mailed=None, actor=BY_PARTNER),
    RemoveMember(member_id=KEN, actor=BY_PARTNER),
]


@pytest.mark.parametrize("command", OF_THE_TEAM, ids=lambda one: type(one).__name__)
def test_the_team_of_a_suspended_organisation_changes_nothing(command: Message) -> None:
    assert refused(after(a_partner(), suspend()), command) == "suspended"


def test_a_merchant_can_block_a_suspended_organisation() -> None:
    assert after(a_partner(), suspend(), BlockPartner(actor=BY_MERCHANT)).blocked_by == (BY_MERCHANT.merchant_id,)


def test_nobody_escapes_a_suspension_by_filling_the_profile_up() -> None:
    partner = a_partner(version=9, approval=Approval.PENDING)
    more = "x" * (MOST_BYTES - _size(partner))
    full = partner.model_copy(update={"profile": partner.profile.model_copy(update={"about": more})})
    assert after(full, suspend()).suspended is not None
    assert after(full, vouch(Approval.PROBATION)).approval is Approval.PROBATION


def a_registration(actor: Actor, approval: Approval) -> RegisterPartner:
    partner = a_partner(published=False, members=(a_member(),))
    parts = {"profile": partner.profile, "preferences": partner.preferences, "members": partner.members}
    return RegisterPartner(**parts, approval=approval, actor=actor)


@pytest.mark.parametrize("approval", Approval)
def test_a_person_registers_what_the_settings_say(approval: Approval) -> None:
    (fact,) = decide(None, a_registration(BY_PARTNER, approval), PARTNER_ID, NOW)
    assert evolve(None, fact, PARTNER_ID, NOW).approval is approval


def test_a_market_that_is_seeded_again_vouches_for_nobody_and_restores_nobody() -> None:
    partner = after(a_partner(approval=Approval.PROBATION), suspend())
    seeded = a_registration(SYSTEM, Approval.APPROVED)
    seeded = seeded.model_copy(update={"profile": seeded.profile.model_copy(update={"name": "Another name"})})
    again = after(partner, seeded)
    assert (again.approval, again.suspended) == (Approval.PROBATION, partner.suspended)


def test_what_is_missing_says_who_has_to_do_something() -> None:
    assert missing(a_partner(), NOW) == []
    assert missing(a_partner(approval=Approval.PROBATION), NOW) == []
    assert missing(a_partner(approval=Approval.PENDING), NOW) == ["be_approved"]
    assert missing(after(a_partner(), suspend()), NOW) == ["be_restored"]


def test_who_is_invited_and_has_not_answered_gets_in_after_the_restoring() -> None:
    invited = a_partner(members=(a_member(), a_member("Ken", joined=False)))
    joined = after(invited, suspend(), restore(), AcceptInvitation(actor=BY_KEN))
    assert [one.member_id for one in joined.members if one.joined] == [AIKO, KEN]
