"""The team of a partner, cell by cell: who may invite, change and remove whom."""

import pytest

from services.gateway.partner import decide, evolve
from shared.contracts.base import Actor, ActorKind, Locale, Message, derived_id
from shared.contracts.partners import (
    AcceptInvitation,
    ChangeMember,
    ChangeOwnSettings,
    InviteMember,
    MailTopic,
    Partner,
    RemoveMember,
    Role,
)
from shared.decisions import Decision, Rejection
from tests.builders import BY_MERCHANT, BY_SYSTEM, NOW, PARTNER_ID, a_member, a_partner

# Who acts, on whom: `yes`, or the refusal's code. The second owner is there unless a row says "the last owner".
WHO_MAY = """
                 owner-on-owner  owner-on-admin  owner-on-member  admin-on-owner  admin-on-admin  admin-on-member  member-on-member  member-on-self  last-owner-on-self
remove           yes             yes             yes              forbidden       yes             yes              forbidden         yes             last_owner
make-member      yes             yes             yes              forbidden       yes             yes              forbidden         forbidden       last_owner
make-admin       yes             yes             yes              forbidden       yes             yes              forbidden         forbidden       last_owner
make-owner       yes             yes             yes              forbidden       forbidden       forbidden        forbidden         forbidden       yes
"""  # noqa: E501 - a table

OWNER, OTHER_OWNER, ADMIN, OTHER_ADMIN, MEMBER, OTHER_MEMBER = (
    a_member(name, role)
    for name, role in (
        ("Aiko", Role.OWNER),
        ("Bea", Role.OWNER),
        ("Cyd", Role.ADMIN),
        ("Dee", Role.ADMIN),
        ("Eli", Role.MEMBER),
        ("Fay", Role.MEMBER),
    )
)
ACTING = {"owner": OWNER, "last-owner": OWNER, "admin": ADMIN, "member": MEMBER}
OTHERS = {"owner": OTHER_OWNER, "admin": OTHER_ADMIN, "member": OTHER_MEMBER}


def rows() -> list[tuple[str, str, str]]:
    head, *lines = WHO_MAY.strip("\n").splitlines()
    columns = head.split()
    return [
        (act, column, cell)
        for act, *cells in (line.split() for line in lines)
        for column, cell in zip(columns, cells, strict=True)
    ]


def team(*, one_owner: bool = False) -> Partner:
    owners = (OWNER,) if one_owner else (OWNER, OTHER_OWNER)
    return a_partner(members=(*owners, ADMIN, OTHER_ADMIN, MEMBER, OTHER_MEMBER))


def by(member_id: object, partner_id: object = PARTNER_ID) -> Actor:
    return Actor(kind=ActorKind.PARTNER, partner_id=partner_id, member_id=member_id)


def tell(partner: Partner, command: Message) -> Decision:
    return decide(partner, command, PARTNER_ID, NOW)


def after(partner: Partner, command: Message) -> Partner:
    (fact,) = tell(partner, command)
    return evolve(partner, fact, PARTNER_ID, NOW)


def code(decision: Decision) -> str:
    assert isinstance(decision, Rejection)
    return decision.code


@pytest.mark.parametrize(("act", "column", "expected"), rows())
def test_who_may_do_what_to_whom(act: str, column: str, expected: str) -> None:
    who, _, whom = column.rpartition("-on-")
    acting = ACTING[who]
    target = acting if whom == "self" else OTHERS[whom]
    partner = team(one_owner=who == "last-owner")
    if act == "remove":
        command: Message = RemoveMember(member_id=target.member_id, actor=by(acting.member_id))
    else:
        role = Role(act.removeprefix("make-"))
        command = ChangeMember(member_id=target.member_id, role=role, assigned_only=False, actor=by(acting.member_id))
    decision = tell(partner, command)
    if expected != "yes":
        assert code(decision) == expected
        return
    for fact in decision:
        partner = evolve(partner, fact, PARTNER_ID, NOW)
    if act == "remove":
        assert partner.member(target.member_id) is None
        assert decision[0].removed == target
    else:
        assert partner.member(target.member_id).role == act.removeprefix("make-")


def invite(who: Actor, **fields: object) -> InviteMember:
    return InviteMember(
        **{
            "name": "Gus",
            "email": "gus@hoshi.example",
            "role": Role.MEMBER,
            "locale": Locale.FR,
            **fields,
            "actor": who,
        }
    )


def test_who_is_invited_is_in_the_team_when_they_accept() -> None:
    (fact,) = tell(team(), invite(by(ADMIN.member_id), assigned_only=True))
    partner = evolve(team(), fact, PARTNER_ID, NOW)
    gus = partner.member(fact.invited)
    assert (gus.joined, gus.assigned_only, gus.email) == (False, True, "gus@hoshi.example")
    assert code(tell(partner, invite(by(gus.member_id), email="x@y.example"))) == "forbidden"
    joined = after(partner, AcceptInvitation(actor=by(gus.member_id)))
    assert joined.member(gus.member_id).joined
    assert tell(joined, AcceptInvitation(actor=by(gus.member_id))) == []


def test_inviting_again_mails_again_and_changes_what_was_offered() -> None:
    once = after(team(), invite(by(OWNER.member_id)))
    (fact,) = tell(once, invite(by(OWNER.member_id), role=Role.ADMIN, email="GUS@hoshi.example"))
    twice = evolve(once, fact, PARTNER_ID, NOW)
    assert (len(twice.members), twice.member(fact.invited).role) == (len(once.members), Role.ADMIN)


def test_an_invited_owner_does_not_count_as_one() -> None:
    partner = after(team(one_owner=True), invite(by(OWNER.member_id), role=Role.OWNER))
    assert code(tell(partner, RemoveMember(member_id=OWNER.member_id, actor=by(OWNER.member_id)))) == "last_owner"


@pytest.mark.parametrize(
    ("who", "fields", "expected"),
    [
        (by(MEMBER.member_id), {}, "forbidden"),
        (by(ADMIN.member_id), {"role": Role.OWNER}, "forbidden"),
        (by(OWNER.member_id), {"email": MEMBER.email.upper()}, "already_member"),
        (by(derived_id("gone")), {}, "forbidden"),
        (by(OWNER.member_id, derived_id("another")), {}, "forbidden"),
        (BY_MERCHANT, {}, "forbidden"),
        (BY_SYSTEM, {}, "forbidden"),
    ],
)
def test_an_invitation_that_is_refused(who: Actor, fields: dict, expected: str) -> None:
    assert code(tell(team(), invite(who, **fields))) == expected


def test_a_team_is_not_endless() -> None:
    crowd = tuple(a_member(f"M{number}", Role.MEMBER) for number in range(499))
    partner = a_partner(members=(OWNER, *crowd))
    assert code(tell(partner, invite(by(OWNER.member_id)))) == "too_many_members"


def test_a_member_says_what_it_is_called_and_mailed_about() -> None:
    command = ChangeOwnSettings(
        name="Eli Ito", locale=Locale.FR, mailed=(MailTopic.MENTIONS,), actor=by(MEMBER.member_id)
    )
    eli = after(team(), command).member(MEMBER.member_id)
    assert (eli.name, eli.locale, eli.mailed, eli.role) == ("Eli Ito", Locale.FR, (MailTopic.MENTIONS,), Role.MEMBER)


def test_nobody_is_removed_who_is_not_there() -> None:
    command = RemoveMember(member_id=derived_id("gone"), actor=by(OWNER.member_id))
    assert code(tell(team(), command)) == "no_member"
