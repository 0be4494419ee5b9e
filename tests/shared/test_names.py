"""Names call somebody something, and lead nowhere."""

import pytest
from pydantic_core import PydanticCustomError

from shared.doors import plain_name


@pytest.mark.parametrize(
    "name",
    [
        "Dr. Müller",
        "Studio No.5",
        "A.B. Web",
        "St.Pauli Design 1910",
        "株式会社。",
        "株式会社ホシ",
        "J.-P. Dupont & Fils",
        "Agence 2.0",
        "24/7 Shops 365",
        "O\u2019Neill, Inc.",
        "शॉप स्टूडियो",
        "محل الشاي",
        "Éloïse d'Aubigné",
        "Tea \U0001f375 & Thread",
    ],
)
def test_a_name_is_a_name(name: str) -> None:
    assert plain_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "Your account is locked: www.paypa1-help",
        "https://evil.example/login",
        "evil.com",
        "Go to evil.com now",
        "EVIL．ＣＯＭ",
        "evil。com",
        "help@evil",
        "Call +33 6 12 34 56 78 now",
        "Call (555) 010-9999",
        "電話０９０１２３４５６７８",
        "Stu\u200bdio",
        "Studio \u202eoidutS",
        "ev\u00adil",
    ],
)
def test_a_name_that_leads_somewhere_is_refused(name: str) -> None:
    with pytest.raises(PydanticCustomError):
        plain_name(name)
