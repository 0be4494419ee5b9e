"""A partner: registered by the marketplace, changed by those who run it."""

from datetime import timedelta

import pytest

from services.gateway.partner import decide, evolve, missing
from shared.contracts.base import Actor, ActorKind, Message, derived_id
from shared.contracts.partners import (
    Away,
    BlockPartner,
    ChangeMember,
    ChangeOwnSettings,
    ChangePreferences,
    ChangeProfile,
    OfferService,
    Partner,
    PartnerChanged,
    PartnerParts,
    Preferences,
    PublishProfile,
    RegisterPartner,
    Role,
    UnpublishProfile,
    WithdrawService,
)
from shared.decisions import Decision, Rejection
from tests.builders import (
    AIKO,
    BY_MERCHANT,
    BY_OTHER_PARTNER,
    BY_PARTNER,
    BY_SYSTEM,
    KEN,
    NOW,
    PARTNER_ID,
    a_member,
    a_partner,
    an_offer,
)

AWAY = Preferences(available=False)


def tell(partner: Partner | None, command: Message) -> Decision:
    return decide(partner, command, PARTNER_ID, NOW)


def register(partner: Partner, by: Actor = BY_SYSTEM) -> RegisterPartner:
    return RegisterPartner(profile=partner.profile, preferences=partner.preferences, members=partner.members, actor=by)


def member(member_id=AIKO, partner_id=PARTNER_ID) -> Actor:
    return Actor(kind=ActorKind.PARTNER, partner_id=partner_id, member_id=member_id)


def code(decision: Decision) -> str:
    assert isinstance(decision, Rejection)
    return decision.code


def test_a_registered_partner_is_what_was_registered() -> None:
    (fact,) = tell(None, register(a_partner()))
    registered = evolve(None, fact, PARTNER_ID, NOW)
    assert registered == a_partner(version=0, team_version=1, parts=PartnerParts(profile=1, preferences=1, members=1))


def test_registering_the_same_again_changes_nothing() -> None:
    assert tell(a_partner(), register(a_partner())) == []


def test_registering_something_else_changes_it() -> None:
    wider = a_partner(services=(an_offer(), an_offer("video")))
    (fact,) = tell(a_partner(), register(wider))
    assert evolve(a_partner(), fact, PARTNER_ID, NOW).profile == wider.profile


@pytest.mark.parametrize("by", [BY_PARTNER, BY_MERCHANT], ids=lambda actor: actor.kind)
def test_nobody_registers_but_the_marketplace(by: Actor) -> None:
    assert code(tell(None, register(a_partner(), by))) == "forbidden"


def test_a_partner_offers_what_the_taxonomy_knows() -> None:
    assert code(tell(None, register(a_partner(services=(an_offer("witchcraft"),))))) == "unknown_service"


def test_an_organisation_has_an_owner() -> None:
    assert code(tell(None, register(a_partner(members=(a_member(role=Role.ADMIN),))))) == "no_owner"


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
def test_owners_and_admins_change_the_preferences(role: Role) -> None:
    partner = a_partner(members=(a_member(role=role),))
    facts = tell(partner, ChangePreferences(preferences=AWAY, actor=member()))
    assert facts == [PartnerChanged(preferences=AWAY, actor=member())]
    changed = evolve(partner, facts[0], PARTNER_ID, NOW)
    assert (changed.preferences, changed.profile, changed.members) == (AWAY, partner.profile, partner.members)


def test_the_same_preferences_again_change_nothing() -> None:
    assert tell(a_partner(), ChangePreferences(preferences=a_partner().preferences, actor=member())) == []


@pytest.mark.parametrize(
    ("who", "by"),
    [
        ("a plain member", member(derived_id("member", "ken"))),
        ("somebody who has left the team", member(derived_id("gone"))),
        ("a member without a name", member(None)),
        ("another partner's owner", member(partner_id=derived_id("another"))),
        ("another partner", BY_OTHER_PARTNER),
        ("a merchant", BY_MERCHANT),
        ("a timer", BY_SYSTEM),
    ],
)
def test_nobody_else_changes_the_preferences(who: str, by: Actor) -> None:
    assert code(tell(a_partner(), ChangePreferences(preferences=AWAY, actor=by))) == "forbidden", who


def test_there_are_no_preferences_without_a_partner() -> None:
    with pytest.raises(ValueError, match="There is no partner"):
        tell(None, ChangePreferences(preferences=AWAY, actor=member()))


def own(**fields: object) -> Partner:
    """An organisation as a person registers it."""
    return a_partner(**{"members": (a_member(),), "published": False, "services": (), **fields})


def test_a_person_registers_an_organisation_and_owns_it() -> None:
    (fact,) = tell(None, register(own(), member()))
    assert evolve(None, fact, PARTNER_ID, NOW).members[0].role is Role.OWNER


@pytest.mark.parametrize(
    ("what", "partner", "by"),
    [
        ("a published profile", own(published=True), member()),
        ("a whole team", own(members=(a_member(), a_member("Ken", Role.MEMBER))), member()),
        ("somebody else's", own(), member(derived_id("member", "ken"))),
        ("under another id", own(), member(partner_id=derived_id("another"))),
    ],
)
def test_a_person_registers_nothing_more(what: str, partner: Partner, by: Actor) -> None:
    assert code(tell(None, register(partner, by))) == "forbidden", what


def test_a_person_does_not_register_over_what_is_there() -> None:
    assert code(tell(a_partner(), register(own(), member()))) == "already_registered"


def test_a_service_is_offered_differently_and_withdrawn() -> None:
    dearer = an_offer(price="2000")
    (fact,) = tell(a_partner(), OfferService(offer=dearer, actor=member()))
    assert evolve(a_partner(), fact, PARTNER_ID, NOW).profile.services == (dearer,)
    (fact,) = tell(a_partner(), WithdrawService(service="seo", actor=member()))
    assert evolve(a_partner(), fact, PARTNER_ID, NOW).profile.services == ()
    assert tell(a_partner(), WithdrawService(service="video", actor=member())) == []
    assert code(tell(a_partner(), OfferService(offer=an_offer("witchcraft"), actor=member()))) == "unknown_service"


def test_a_profile_is_published_once() -> None:
    assert tell(a_partner(), PublishProfile(actor=member())) == []
    (fact,) = tell(a_partner(), UnpublishProfile(actor=member()))
    assert not evolve(a_partner(), fact, PARTNER_ID, NOW).profile.published


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("partner", "lacks"),
    [
        (a_partner(), []),
        (own(), ["publish_profile", "offer_a_service"]),
        (a_partner(published=False), ["publish_profile"]),
        (a_partner(services=()), ["offer_a_service"]),
        (a_partner(available=False), ["be_available"]),
        (a_partner(away=Away(first_day=NOW.date(), last_day=NOW.date())), ["be_back"]),
        (a_partner(away=Away(first_day=NOW.date() - DAY, last_day=NOW.date() - DAY)), []),
        (a_partner(away=Away(first_day=NOW.date() + DAY, last_day=NOW.date() + DAY)), []),
    ],
)
def test_what_keeps_a_partner_from_receiving_work(partner: Partner, lacks: list[str]) -> None:
    assert missing(partner, NOW) == lacks


def test_a_merchant_blocks_a_partner_for_good_and_once() -> None:
    (fact,) = tell(a_partner(), BlockPartner(actor=BY_MERCHANT))
    blocked = evolve(a_partner(), fact, PARTNER_ID, NOW)
    assert blocked.blocked_by == (BY_MERCHANT.merchant_id,)
    assert blocked.version_for_team == a_partner().version_for_team, "Its team could tell."
    assert tell(blocked, BlockPartner(actor=BY_MERCHANT)) == []
    assert code(tell(a_partner(), BlockPartner(actor=member()))) == "forbidden"


def test_away_ends_after_it_begins() -> None:
    with pytest.raises(ValueError, match="before the first"):
        Away(first_day=NOW.date(), last_day=NOW.date() - DAY)


REPLACING = {
    "profile": [
        lambda seen: ChangeProfile(**WORDS, expected_version=seen, actor=BY_PARTNER),
        lambda seen: OfferService(offer=an_offer("video"), expected_version=seen, actor=BY_PARTNER),
        lambda seen: WithdrawService(service="seo", expected_version=seen, actor=BY_PARTNER),
    ],
    "preferences": [lambda seen: ChangePreferences(preferences=AWAY, expected_version=seen, actor=BY_PARTNER)],
    "members": [
        lambda seen: ChangeMember(
            member_id=KEN, role=Role.ADMIN, assigned_only=False, expected_version=seen, actor=BY_PARTNER
        ),
        lambda seen: ChangeOwnSettings(name="A", locale="fr", mailed=None, expected_version=seen, actor=BY_PARTNER),
    ],
}
"""By the part that is replaced."""
WORDS = {
    **{name: getattr(a_partner().profile, name) for name in ("slug", "name", "main_language", "languages", "country")},
    "about": "We make stores fast.",
}
CHANGED_AT = PartnerParts(profile=3, preferences=3, members=3)
EACH = [pytest.param(part, make, id=type(make(None)).__name__) for part, some in REPLACING.items() for make in some]


@pytest.mark.parametrize(("part", "make"), EACH)
def test_who_saw_what_is_there_replaces_it_whatever_else_has_happened(part: str, make) -> None:
    partner = a_partner(version=9, parts=CHANGED_AT)
    for seen in (None, 3, 5, 9):
        (fact,) = tell(partner, make(seen))
        assert getattr(evolve(partner, fact, PARTNER_ID, NOW).parts, part) == 10


@pytest.mark.parametrize(("part", "make"), EACH)
def test_who_saw_what_is_gone_or_was_never_there_is_refused(part: str, make) -> None:
    partner = a_partner(version=9, parts=CHANGED_AT)
    assert [code(tell(partner, make(seen))) for seen in (0, 2, 10)] == ["version_mismatch"] * 3


@pytest.mark.parametrize(("part", "make"), EACH)
def test_of_what_an_older_release_wrote_only_the_newest_counts_as_seen(part: str, make) -> None:
    partner = a_partner(version=9)
    assert code(tell(partner, make(8))) == "version_mismatch"
    assert len(tell(partner, make(9))) == 1


def test_a_change_of_one_part_leaves_the_versions_of_the_others() -> None:
    (fact,) = tell(a_partner(version=9, parts=CHANGED_AT), REPLACING["preferences"][0](None))
    after = evolve(a_partner(version=9, parts=CHANGED_AT), fact, PARTNER_ID, NOW)
    assert after.parts == PartnerParts(profile=3, preferences=10, members=3)


def test_what_is_so_already_is_refused_to_nobody() -> None:
    partner = a_partner(version=9, parts=CHANGED_AT)
    same = ChangePreferences(preferences=partner.preferences, expected_version=1, actor=BY_PARTNER)
    assert tell(partner, same) == []
