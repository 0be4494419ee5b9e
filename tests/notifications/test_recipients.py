"""Who chose what, who has joined, and who may see the job."""

from typing import Any

import pytest

from services.notifications.recipients import Recipient, assigned, desk_of, mentioned
from shared.contracts.partners import MailTopic, Member, Partner, Role
from tests.builders import AIKO, KEN, LEA, a_member, a_partner

NEW_JOBS, CONVERSATION, ASSIGNED, MENTIONS, REVIEWS = MailTopic
ADDRESS = "desk@hoshi.example"


def ken(**fields: Any) -> Member:
    return a_member("Ken", Role.MEMBER, **fields)


def team(*others: Member, owner: Member | None = None, **fields: Any) -> Partner:
    return a_partner(members=(owner or a_member("Aiko"), *others), **fields)


def names(recipients: list[Recipient]) -> list[str]:
    return [recipient.email.partition("@")[0] for recipient in recipients]


@pytest.mark.parametrize("topic", [NEW_JOBS, CONVERSATION, REVIEWS])
@pytest.mark.parametrize(
    ("partner", "expected"),
    [
        pytest.param(team(ken()), ["aiko"], id="the owner by default"),
        pytest.param(team(a_member("Lea", Role.ADMIN)), ["aiko"], id="no admin by default"),
        pytest.param(team(ken(), notification_email=ADDRESS), ["desk"], id="the address in the owner's place"),
        pytest.param(team(ken(mailed=(NEW_JOBS, CONVERSATION, REVIEWS))), ["aiko", "ken"], id="a member who chose it"),
        pytest.param(
            team(ken(mailed=(NEW_JOBS, CONVERSATION, REVIEWS)), notification_email=ADDRESS),
            ["ken", "desk"],
            id="a member who chose it, beside the address",
        ),
        pytest.param(
            team(owner=a_member("Aiko", mailed=(NEW_JOBS, CONVERSATION, REVIEWS)), notification_email=ADDRESS),
            ["aiko", "desk"],
            id="an owner who chose it, beside the address",
        ),
        pytest.param(
            team(ken(mailed=tuple(MailTopic)), owner=a_member("Aiko", mailed=(ASSIGNED,))),
            ["ken"],
            id="not an owner who chose otherwise",
        ),
        pytest.param(
            team(ken(mailed=tuple(MailTopic), joined=False)), ["aiko"], id="nobody who has not accepted the invitation"
        ),
        pytest.param(team(a_member("Lea", joined=False)), ["aiko"], id="no owner who has not accepted the invitation"),
        pytest.param(
            team(ken(mailed=tuple(MailTopic), assigned_only=True)), ["aiko"], id="nobody who may not see the job"
        ),
        pytest.param(
            team(a_member("Lea", Role.MEMBER, mailed=tuple(MailTopic), assigned_only=True)),
            ["aiko", "lea"],
            id="whoever may see only the jobs they have, and has this one",
        ),
    ],
)
def test_the_desk(partner: Partner, topic: MailTopic, expected: list[str]) -> None:
    assert names(desk_of(partner, topic, assignees=(LEA,))) == expected


def test_a_choice_is_of_one_topic() -> None:
    partner = team(ken(mailed=(CONVERSATION,)), owner=a_member("Aiko", mailed=(REVIEWS,)))
    assert [names(desk_of(partner, topic)) for topic in (CONVERSATION, REVIEWS)] == [["ken"], ["aiko"]]


def test_a_new_job_reaches_an_owner_when_nobody_else_wants_to_hear_of_it() -> None:
    partner = team(ken(mailed=()), owner=a_member("Aiko", mailed=()))
    assert names(desk_of(partner, NEW_JOBS)) == ["aiko"]
    assert desk_of(partner, CONVERSATION) == []


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        pytest.param(ken(), ["ken"], id="by default"),
        pytest.param(ken(assigned_only=True), ["ken"], id="whoever sees only the jobs they have"),
        pytest.param(ken(mailed=(ASSIGNED,)), ["ken"], id="whoever chose it"),
        pytest.param(ken(mailed=(MENTIONS,)), [], id="not whoever chose otherwise"),
        pytest.param(ken(joined=False), [], id="nobody who has not accepted the invitation"),
    ],
)
def test_those_who_work_on_a_job(member: Member, expected: list[str]) -> None:
    assert names(assigned(team(member), (KEN,))) == expected
    assert assigned(team(member), (KEN,), but=KEN) == []
    assert assigned(team(), (KEN,)) == [], "Ken has left."


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        pytest.param(ken(), ["ken"], id="by default"),
        pytest.param(ken(mailed=(MENTIONS,)), ["ken"], id="whoever chose it"),
        pytest.param(ken(mailed=(ASSIGNED,)), [], id="not whoever chose otherwise"),
        pytest.param(ken(assigned_only=True), [], id="nobody who may not see the job"),
        pytest.param(ken(joined=False), [], id="nobody who has not accepted the invitation"),
    ],
)
def test_those_who_are_mentioned(member: Member, expected: list[str]) -> None:
    assert names(mentioned(team(member), (KEN,), assignees=())) == expected
    assert mentioned(team(member), (KEN,), assignees=(), but=KEN) == []
    assert names(mentioned(team(), (AIKO, KEN), assignees=())) == ["aiko"], "Ken has left."


def test_a_mention_reaches_whoever_sees_only_the_jobs_they_have_and_has_this_one() -> None:
    assert names(mentioned(team(ken(assigned_only=True)), (KEN,), assignees=(KEN,))) == ["ken"]
