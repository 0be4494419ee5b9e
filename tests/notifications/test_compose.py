"""A mail on its way out: who it is for, in which language, and where it leads."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest

from services.notifications.compose import Composer
from services.notifications.mail import mail_for_request, mails_for_job, mails_for_partner
from shared.contracts.base import Locale
from shared.contracts.partners import PartnerChanged, Role
from shared.contracts.requests import RequestSubmitted, merchant_id_of
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
    (mail,) = mails_for_partner(an_event(fact, partner, subject=PARTNER_ID))
    text = Composer(SETTINGS, LINKS).compose(mail, NOW).get_body(("plain",)).get_content()
    (link,) = [word for word in text.split() if word.startswith("http://gateway/")]
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
