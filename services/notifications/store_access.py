"""What each side is told of a step of store access, by who took it. Whoever took it is told nothing. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from shared.contracts.base import ActorKind, Locale
from shared.contracts.jobs import AccessStatus, Permission, StoreAccess
from shared.i18n import N_, gettext, listing, ngettext

MERCHANT, PARTNER, PLATFORM = ActorKind.MERCHANT, ActorKind.PARTNER, ActorKind.SYSTEM


PERMISSION_NAMES: Mapping[Permission, str] = {
    Permission.PRODUCTS: N_("products"),
    Permission.ORDERS: N_("orders"),
    Permission.CUSTOMERS: N_("customers"),
    Permission.THEMES: N_("themes"),
    Permission.PAGES: N_("pages"),
    Permission.APPS: N_("apps"),
    Permission.REPORTS: N_("reports"),
    Permission.SETTINGS: N_("settings"),
}


def wanted(access: StoreAccess, locale: Locale) -> str:
    """What is asked for, in words: what may be done in the store, and for how many days. Empty for an old ask."""
    if not access.permissions:
        return ""
    names = listing([gettext(locale, PERMISSION_NAMES[one]) for one in access.permissions], locale)
    return ngettext("%(what)s, for %(count)s day", "%(what)s, for %(count)s days", access.days, locale, what=names)


class Step(NamedTuple):
    """`headline` stands in the subject, so it is our words alone; `sentence` may name the two sides and when it ends.

    Both are translated by the template.
    """

    headline: str
    sentence: str


Steps = Mapping[tuple[AccessStatus, ActorKind], Step]

# Whoever ended it: that a merchant withdrew a request or blocked the partner is not told here either.
_ENDED = Step(
    N_("Access to a store has been withdrawn"),
    N_("Access to %(merchant)s's store has been withdrawn. What was agreed or granted so far no longer holds."),
)

TO_PARTNER: Steps = {
    (AccessStatus.CONSENTED, MERCHANT): Step(
        N_("A merchant agrees to store access"),
        N_("%(merchant)s agrees that you request access to their store. You can send the request now."),
    ),
    (AccessStatus.DENIED, MERCHANT): Step(
        N_("A merchant does not agree to store access"),
        N_("%(merchant)s does not wish to give you access to their store. You can go on talking about the job."),
    ),
    (AccessStatus.DENIED, PLATFORM): Step(
        N_("Store access was not granted"),
        N_("Your request for access to %(merchant)s's store was not granted."),
    ),
    (AccessStatus.GRANTED, PLATFORM): Step(
        N_("Store access was granted"),
        N_("You now have access to %(merchant)s's store. The access ends on %(until)s."),
    ),
    (AccessStatus.REVOKED, MERCHANT): _ENDED,
    (AccessStatus.REVOKED, PLATFORM): _ENDED,
    (AccessStatus.EXPIRED, PLATFORM): Step(
        N_("Store access has expired"),
        N_("Your access to %(merchant)s's store has expired. If you still need it, please ask the merchant again."),
    ),
}

TO_MERCHANT: Steps = {
    (AccessStatus.REQUESTED, PARTNER): Step(
        N_("Access to your store has been requested"),
        N_("As you agreed, %(partner)s has requested access to your store. You can withdraw your consent at any time."),
    ),
    (AccessStatus.REVOKED, PARTNER): Step(
        N_("Access to your store has been given up"),
        N_("%(partner)s no longer has access to your store, and no longer asks for it."),
    ),
    (AccessStatus.GRANTED, PLATFORM): Step(
        N_("Access to your store was granted"),
        N_("%(partner)s now has access to your store. It ends on %(until)s, and you can withdraw it at any time."),
    ),
    (AccessStatus.EXPIRED, PLATFORM): Step(
        N_("Access to your store has expired"),
        N_("%(partner)s's access to your store has expired."),
    ),
}
