"""A mail on its way out: who it is for, in which language, and where it leads."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest

from deploy.mail_examples import MAILS
from deploy.previews import example
from services.notifications.compose import TEMPLATES, Composer
from services.notifications.envelope import Mail
from services.notifications.kinds import KINDS, kind_of
from services.notifications.mail import mail_for_request, mails_for_job, mails_for_partner
from services.notifications.prospects import mails_for_lead, mails_for_match
from services.notifications.recipients import Recipient
from shared.contracts.base import Locale
from shared.contracts.leads import LeadReviewRequested
from shared.contracts.matching import RequestUnmatched
from shared.contracts.partners import PartnerChanged, Role
from shared.contracts.requests import RequestKind, RequestSubmitted, merchant_id_of
from shared.links import BadLink, Links, Purpose
from shared.settings import Settings
from tests.builders import (
    BY_PARTNER,
    KEN,
    MERCHANT_EMAIL,
    NOW,
    PARTNER_ID,
    REQUEST_ID,
    a_job,
    a_member,
    a_partner,
    a_request,
    an_event,
    details,
    replied,
)
from tests.notifications.leads import a_lead, a_match, about, asked, delivered, matched

SETTINGS = Settings(secret_keys="the-key-of-the-tests", leads_url="http://leads", public_url="http://gateway")
LINKS = Links(SETTINGS)


def sent(locale: Locale = Locale.JA) -> EmailMessage:
    """The reply of a partner to a merchant, as the server gets it."""
    (mail,) = mails_for_job(an_event(replied(), a_job(details=details(locale=locale))), a_partner())
    return message_from_bytes(Composer(SETTINGS, LINKS).compose(mail, NOW).as_bytes(), policy=default)


def test_a_mail_goes_to_one_address_from_the_desk() -> None:
    assert (sent()["To"], sent()["From"]) == (MERCHANT_EMAIL, "Jobwire <jobs@jobwire.example>")


def test_a_mail_has_the_same_id_however_often_it_is_tried() -> None:
    assert sent()["Message-ID"] == sent()["Message-ID"]


@pytest.mark.parametrize("locale", Locale)
def test_a_mail_says_its_language(locale: Locale) -> None:
    assert sent(locale)["Content-Language"] == locale


def test_the_link_to_confirm_is_signed_for_this_request_and_this_merchant() -> None:
    request = a_request()
    mail = mail_for_request(an_event(RequestSubmitted(details=request.details), request, subject=REQUEST_ID))
    text = Composer(SETTINGS, LINKS).compose(mail, NOW).get_body(("plain",)).get_content()
    (link,) = [word for word in text.split() if word.startswith("http://leads/")]
    address, _, token = link.partition("?token=")
    assert address == f"http://leads/en/requests/{REQUEST_ID}/confirm"
    confirmed, claims = LINKS.read("confirm-request", token, 60)
    assert (confirmed, claims["merchant"]) == (REQUEST_ID, str(merchant_id_of(MERCHANT_EMAIL)))


def test_the_link_of_an_invitation_is_signed_for_this_address_and_this_team() -> None:
    partner = a_partner(members=(a_member("Aiko"), a_member("Ken", Role.MEMBER, joined=False)))
    fact = PartnerChanged(members=partner.members, invited=KEN, actor=BY_PARTNER)
    (mail,) = mails_for_partner(an_event(fact, partner, subject=PARTNER_ID), "help@jobwire.example")
    text = Composer(SETTINGS, LINKS).compose(mail, NOW).get_body(("plain",)).get_content()
    link, refusal = [word for word in text.split() if word.startswith("http://gateway/")]
    assert refusal.startswith("http://gateway/unsubscribe?token=")
    address, _, token = link.partition("?token=")
    assert address == "http://gateway/ja/sign-in"
    link_id, claims = LINKS.read("invitation", token, 60)
    assert link_id == mail.id
    assert claims == {
        "id": str(mail.id),
        "email": "ken@hoshi.example",
        "partner": str(PARTNER_ID),
        "member": str(KEN),
    }


@pytest.mark.parametrize("purpose", ["sign-in", "merchant-link"])
def test_an_invitation_opens_no_other_door(purpose: Purpose) -> None:
    with pytest.raises(BadLink):
        LINKS.read(purpose, LINKS.sign("invitation", PARTNER_ID, {"email": MERCHANT_EMAIL}), 60)


def composed(mail: Mail) -> EmailMessage:
    return message_from_bytes(Composer(SETTINGS, LINKS).compose(mail, NOW).as_bytes(), policy=default)


def link_in(message: EmailMessage, begins: str) -> tuple[str, str]:
    """Address and token of the first link that begins so."""
    words = message.get_body(("plain",)).get_content().split()
    address, _, token = next(word for word in words if word.startswith(begins)).partition("?token=")
    return address, token


def test_an_answer_to_a_lead_goes_to_the_prospect_and_the_link_is_the_profile_in_its_language() -> None:
    (mail,) = mails_for_lead(delivered(details=asked(locale=Locale.FR)), a_partner())
    message = composed(mail)
    assert message["Reply-To"] == MERCHANT_EMAIL
    assert link_in(message, "http://leads/") == ("http://leads/fr/partners/studio-hoshi", "")
    assert composed(mail._replace(reply_to=None))["Reply-To"] is None


@pytest.mark.parametrize(
    "address",
    ["Eve <eve@evil.example>", "a@b.example, c@d.example", "mia@kettle.example\r\nBcc: x@y.example", "mia@", ""],
)
def test_nobody_but_one_plain_address_is_answered(address: str) -> None:
    (mail,) = mails_for_lead(delivered(), a_partner())
    try:
        answered = composed(mail._replace(reply_to=address))["Reply-To"]
    except (ValueError, LookupError):
        return
    assert answered is None


@pytest.mark.parametrize("kind", ["helped", "lead-review"])
def test_a_prospects_links_are_signed_for_what_they_do_and_for_this_prospect(kind: Purpose) -> None:
    of, lead = asked(), a_lead()
    (mail,) = (
        mails_for_match(a_match(matched(of), of))
        if kind == "helped"
        else mails_for_lead(about(LeadReviewRequested(actor=BY_PARTNER), lead), a_partner())
    )
    where = f"requests/{REQUEST_ID}/helped" if kind == "helped" else f"leads/{lead.lead_id}/review"
    address, token = link_in(composed(mail), "http://leads/")
    assert address == f"http://leads/en/{where}"
    signed, claims = LINKS.read(kind, token, 60)
    assert signed == (REQUEST_ID if kind == "helped" else lead.lead_id)
    assert claims["merchant"] == str(merchant_id_of(MERCHANT_EMAIL))
    with pytest.raises(BadLink):
        LINKS.read("confirm-request", token, 60)


def test_who_is_with_nobody_is_shown_the_directory() -> None:
    of = details(locale=Locale.JA)
    (mail,) = mails_for_match(a_match(RequestUnmatched(details=of, reason="nobody_eligible"), of))
    assert link_in(composed(mail), "http://leads/") == ("http://leads/ja/partners", "")


def test_others_who_could_are_shown_with_their_profiles_in_the_readers_language() -> None:
    of, lou = details(RequestKind.DIRECT, locale=Locale.FR), a_partner("Atelier Lou")
    fact = RequestUnmatched(details=of, reason="partner_unavailable", alternatives=(lou.partner_id,))
    (mail,) = mails_for_match(a_match(fact, of), {lou.partner_id: lou})
    text = composed(mail).get_body(("plain",)).get_content()
    assert "Ce partenaire propose le même service" in text
    assert "\r\n> Atelier Lou\r\nhttp://leads/fr/partners/atelier-lou\r\n" in text


@pytest.mark.parametrize("template", ["new_job", "unmatched"])
def test_a_mail_that_was_queued_by_an_older_version_can_still_be_written(template: str) -> None:
    values = next(values for of, values in MAILS.values() if of == template)
    older = {name: value for name, value in values.items() if name not in {"others", "alternatives"}}
    text = composed(example(template, older, Locale.EN)).get_body(("plain",)).get_content()
    assert "only partner who was asked" not in text
    assert "Spring launch" in text


@pytest.mark.parametrize("locale", Locale)
@pytest.mark.parametrize(("template", "values"), MAILS.values(), ids=MAILS)
def test_what_may_be_refused_can_be_refused_by_one_click_and_nothing_else(
    template: str, values: dict[str, Any], locale: Locale
) -> None:
    raw = Composer(SETTINGS, LINKS).compose(example(template, values, locale), NOW).as_bytes()
    lines = raw.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    header = [line.partition(": ")[2] for line in lines if line.startswith("List-Unsubscribe: ")]
    refused_as = kind_of(template).refused_as
    if refused_as is None:
        assert header == []
        assert b"List-Unsubscribe" not in raw
        return
    (url,) = header  # on one line, as it is
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in lines
    address, token = link_in(message_from_bytes(raw, policy=default), "http://gateway/unsubscribe")
    assert url == f"<{address}?token={token}>"
    _, claims = LINKS.read("unsubscribe", token, 60)
    assert (claims["email"], claims["topic"], claims["locale"]) == ("somebody@example.com", refused_as, locale)


def test_the_longest_address_still_has_a_header_of_one_line() -> None:
    email = f"{'a' * 64}@{'.'.join(['b' * 60] * 3)}.example"
    template, values = MAILS["reminder"]
    mail = example(template, values, Locale.JA)._replace(recipient=Recipient(email, "Mia", Locale.JA))
    raw = Composer(SETTINGS, LINKS).compose(mail, NOW).as_bytes()
    assert max(len(line) for line in raw.split(b"\r\n")) < 998


@pytest.mark.parametrize("template", sorted(KINDS))
def test_every_kind_of_mail_has_its_templates_and_an_example(template: str) -> None:
    assert (TEMPLATES / f"{template}.txt").exists()
    assert (TEMPLATES / f"{template}.mjml").exists()
    assert template in {of for of, _ in MAILS.values()}


def test_every_template_is_of_a_kind() -> None:
    assert {path.stem for path in TEMPLATES.glob("*.txt")} - {"layout", "parts"} == set(KINDS)
