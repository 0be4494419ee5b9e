"""What services cost, how long they take, and which ones the same partner tends to offer.

Prices are those of a studio in the United States, in dollars; size and country are applied by `make_market.py`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Terms:
    unit: str
    price: int
    lead_days: int


@dataclass(frozen=True, slots=True)
class Offer:
    """One service: the usual ways to sell it, and the services that go with it."""

    terms: tuple[Terms, ...]
    goes_with: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Country:
    """`rate` turns the dollars of this table into local prices: the exchange rate and the cost of living in one."""

    currency: str
    rate: float


COUNTRIES = {
    "US": Country("USD", 1.0),
    "CA": Country("CAD", 1.25),
    "GB": Country("GBP", 0.78),
    "IE": Country("EUR", 0.92),
    "DE": Country("EUR", 0.95),
    "NL": Country("EUR", 0.95),
    "FR": Country("EUR", 0.85),
    "BE": Country("EUR", 0.88),
    "CH": Country("CHF", 1.15),
    "AU": Country("AUD", 1.5),
    "SG": Country("SGD", 1.3),
    "JP": Country("JPY", 115.0),
}

PRICE_LEVEL = {"person": 0.75, "freelancer": 0.7, "studio": 1.0, "agency": 1.7}
PACE = {"person": 1.0, "freelancer": 0.9, "studio": 1.0, "agency": 1.3}


def _offer(goes_with: str, *terms: tuple[str, int, int]) -> Offer:
    return Offer(tuple(Terms(*each) for each in terms), tuple(goes_with.split()))


OFFERS = {
    "store-setup": _offer("theme-customisation training seo branding point-of-sale", ("project", 2400, 21)),
    "theme-customisation": _offer(
        "store-setup troubleshooting speed-optimisation accessibility", ("project", 900, 10), ("hour", 85, 5)
    ),
    "store-redesign": _offer(
        "theme-customisation branding conversion-optimisation accessibility", ("project", 5200, 35)
    ),
    "migration": _offer("store-setup seo troubleshooting app-development training", ("project", 3800, 30)),
    "app-development": _offer(
        "checkout-customisation troubleshooting marketplaces-integration speed-optimisation",
        ("project", 6500, 45),
        ("hour", 110, 14),
    ),
    "checkout-customisation": _offer(
        "subscriptions conversion-optimisation app-development accessibility", ("project", 1600, 14), ("hour", 100, 7)
    ),
    "subscriptions": _offer("email-marketing checkout-customisation analytics store-setup", ("project", 1900, 18)),
    "marketplaces-integration": _offer(
        "app-development product-descriptions ads accounting-setup", ("project", 1800, 18), ("month", 650, 14)
    ),
    "point-of-sale": _offer("training accounting-setup store-setup troubleshooting", ("project", 1500, 14)),
    "accounting-setup": _offer("analytics training point-of-sale", ("project", 950, 12), ("month", 320, 7)),
    "troubleshooting": _offer("speed-optimisation theme-customisation migration training", ("hour", 80, 2)),
    "speed-optimisation": _offer(
        "theme-customisation seo analytics troubleshooting", ("project", 850, 8), ("hour", 90, 4)
    ),
    "accessibility": _offer("theme-customisation store-redesign training", ("project", 1700, 16), ("hour", 95, 6)),
    "seo": _offer(
        "copywriting analytics product-descriptions speed-optimisation", ("month", 850, 10), ("project", 1400, 15)
    ),
    "ads": _offer("analytics conversion-optimisation email-marketing video", ("month", 1100, 7)),
    "email-marketing": _offer("copywriting analytics subscriptions ads", ("month", 750, 8), ("project", 1200, 12)),
    "analytics": _offer("conversion-optimisation ads speed-optimisation", ("project", 1100, 10), ("month", 550, 7)),
    "conversion-optimisation": _offer(
        "analytics checkout-customisation copywriting ads", ("project", 2200, 24), ("month", 1400, 14)
    ),
    "branding": _offer("logo-design copywriting store-redesign", ("project", 3200, 28)),
    "logo-design": _offer("branding", ("project", 780, 12)),
    "product-photography": _offer("video product-descriptions", ("item", 38, 8), ("project", 1100, 12)),
    "video": _offer("product-photography ads", ("project", 1500, 18), ("item", 420, 12)),
    "copywriting": _offer("product-descriptions email-marketing branding seo", ("project", 800, 9), ("hour", 70, 4)),
    "product-descriptions": _offer("copywriting seo translation", ("item", 22, 6)),
    "translation": _offer("copywriting product-descriptions seo", ("item", 26, 6), ("project", 900, 12)),
    "training": _offer("store-setup troubleshooting email-marketing", ("hour", 75, 5), ("project", 480, 8)),
}
