"""An example of every mail, in each of its forms: for `jobwire mails preview`, and for the tests of the templates.

A form's values are what the template is filled with, without the links. `parts` is what a burst said, each with its own
author, text and files.
"""

from typing import Any

from services.notifications import store_access

SERVICE = "SEO"

OFFER = {
    "partner_name": "Studio Hoshi",
    "kind": "match",
    "others": 3,
    "service_name": SERVICE,
    "title": "Spring launch",
    "business": "We sell tea.",
    "requirements": "Be found.\n\nSoon.",
    "budget": "€1,500.00",
    "priorities": {"time": 3, "cost": 5, "quality": 1},
    "merchant_name": "Kettle & Thread",
    "store_url": "https://kettle.example",
    "deadline": "25 November 2026 at 10:04 UTC",
}
REPLY = {"merchant_name": "Kettle & Thread", "title": "Spring launch", "text": "Good day.\nWhen?", "files": []}
REMINDER = {"partner_name": "Studio Hoshi", "title": "Spring launch", "service_name": SERVICE, "deadline": "tomorrow"}
TO_MERCHANT = {
    "recipient_name": "Mia",
    "partner_name": "Studio Hoshi",
    "title": "Spring launch",
    "service_name": SERVICE,
}
TO_MEMBER = {"recipient_name": "Aiko", "title": "Spring launch", "service_name": SERVICE}
FROM_MERCHANT = {**TO_MEMBER, "merchant_name": "Kettle & Thread"}
TO_OWNER = {"recipient_name": "Aiko", "partner_name": "Studio Hoshi"}
COMMENT = {**TO_MEMBER, "written_by": "Ken", "text": "Who takes it?"}
REVIEW = {**FROM_MERCHANT, "rating": 4, "text": "Good work.\nThank you."}


BURST = [
    {"written_by": "Ken", "text": "Who takes it?", "files": []},
    {"written_by": "Léa", "text": "I do.\nToday.", "files": ["plan.png"]},
]
LEAD = {
    "partner_name": "Studio Hoshi",
    "kind": "lead",
    "merchant_name": "Mia Kettle",
    "email": "mia@kettle.example",
    "phone": "+33 1 99 00 12 34",
    "language": "français",
    "partners": 4,
    "service_name": SERVICE,
    "title": "Spring launch",
    "business": "We sell tea.",
    "requirements": "A store.\n\nSoon.",
    "budget": "€1,500.00",
    "priorities": {"time": 3, "cost": 5, "quality": 1},
    "slug": "studio-hoshi",
    "merchants_locale": "fr",
}
MATCHED = {
    "recipient_name": "Mia",
    "title": "Spring launch",
    "service_name": SERVICE,
    "kind": "lead",
    "partners": 4,
    "further": False,
    "hours": 48,
}
UNMATCHED = {"recipient_name": "Mia", "title": "Spring launch", "service_name": SERVICE, "alternatives": []}
OTHERS = [{"name": "Atelier Lou", "slug": "atelier-lou"}, {"name": "星デザイン", "slug": "hoshi-design"}]


def access_step(step: store_access.Step, *, to_merchant: bool) -> dict[str, Any]:
    # It names the other side; of the recipient it needs no second name.
    other = "partner_name" if to_merchant else "merchant_name"
    names = {"partner_name": "", "merchant_name": "", other: "Kettle & Thread"}
    return {**TO_MEMBER, **names, **step._asdict(), "until": "tomorrow", "to_merchant": to_merchant}


MAILS: dict[str, tuple[str, dict[str, Any]]] = {
    "confirm_request": (
        "confirm_request",
        {"merchant_name": "Kettle & Thread", "service_name": SERVICE, "title": "Spring launch"},
    ),
    "sign_in": ("sign_in", {"minutes": 10}),
    "register": ("register", {"minutes": 10}),
    "confirm_address": ("confirm_address", {"partner_name": "Studio Hoshi"}),
    "sign_in, one minute": ("sign_in", {"minutes": 1}),
    "new_job, matched": ("new_job", OFFER),
    "new_job, one other": ("new_job", {**OFFER, "others": 1}),
    "new_job, nobody else": ("new_job", {**OFFER, "others": 0}),
    "new_job, direct, no budget": ("new_job", {**OFFER, "kind": "direct", "others": 0, "budget": None}),
    "reminder": ("reminder", {**REMINDER, "hours_left": 24}),
    "reminder, last hour": ("reminder", {**REMINDER, "hours_left": 1}),
    "partner_replied, first": ("partner_replied", {**REPLY, "partner_name": "Studio Hoshi", "first": True}),
    "partner_replied, again": ("partner_replied", {**REPLY, "partner_name": "Studio Hoshi", "first": False}),
    "merchant_replied": ("merchant_replied", {**REPLY, "recipient_name": "Aiko"}),
    "merchant_replied, a file": ("merchant_replied", {**REPLY, "recipient_name": "Aiko", "files": ["brief.pdf"]}),
    "partner_replied, files": (
        "partner_replied",
        {**REPLY, "partner_name": "Studio Hoshi", "first": True, "files": ["offer.pdf", "plan.png"]},
    ),
    "correspondence, a message": (
        "correspondence",
        {**COMMENT, "merchant_name": "Kettle & Thread", "internal": False, "files": ["offer.pdf"]},
    ),
    "correspondence, a comment": ("correspondence", {**COMMENT, "internal": True, "files": []}),
    "mention": ("mention", COMMENT),
    "invitation": ("invitation", {"invited_by": "Aiko", "partner_name": "Studio Hoshi"}),
    "review_request, completed": ("review_request", {**TO_MERCHANT, "asked": False}),
    "review_request, asked": ("review_request", {**TO_MERCHANT, "asked": True}),
    "review_received": ("review_received", {**REVIEW, "edited": False}),
    "review_received, edited": ("review_received", {**REVIEW, "edited": True}),
    "review_received, of a lead": ("review_received", {**REVIEW, "edited": False, "lead": True}),
    "review_answered": ("review_answered", {**TO_MERCHANT, "text": "Thank you."}),
    "access_asked": (
        "access_asked",
        {**TO_MERCHANT, "note": "For the theme.", "wanted": "themes, for 30 days"},
    ),
    "access_asked, no note": ("access_asked", {**TO_MERCHANT, "note": "", "wanted": "themes, for 1 day"}),
    "job_declined, by the merchant": ("job_declined", {**FROM_MERCHANT, "by_merchant": True}),
    "job_declined, by the partner": ("job_declined", {**TO_MERCHANT, "by_merchant": False}),
    "partner_gone": ("partner_gone", TO_MERCHANT),
    **{
        f"organisation_approved, {how}": ("organisation_approved", {**TO_OWNER, "how": how})
        for how in ("approved", "probation", "restored")
    },
    "organisation_suspended": (
        "organisation_suspended",
        {**TO_OWNER, "reason": "It sends prospects advertising.", "contact": "help@jobwire.example"},
    ),
    "expired": ("expired", {"partner_name": "Studio Hoshi", "title": "Spring launch", "service_name": SERVICE}),
    **{
        f"access_step, {status}, by {by}, to the partner": ("access_step", access_step(step, to_merchant=False))
        for (status, by), step in store_access.TO_PARTNER.items()
    },
    **{
        f"access_step, {status}, by {by}, to the merchant": ("access_step", access_step(step, to_merchant=True))
        for (status, by), step in store_access.TO_MERCHANT.items()
    },
    "lead": ("lead", LEAD),
    "lead, the only partner, no phone": ("lead", {**LEAD, "partners": 1, "phone": None, "budget": None}),
    "lead, by the profile": ("lead", {**LEAD, "kind": "contact", "partners": 1}),
    "lead_matched": ("lead_matched", MATCHED),
    "lead_matched, one partner, last wave": ("lead_matched", {**MATCHED, "partners": 1, "hours": 0}),
    "lead_matched, one hour": ("lead_matched", {**MATCHED, "hours": 1}),
    "lead_matched, further": ("lead_matched", {**MATCHED, "further": True}),
    "lead_matched, one further": ("lead_matched", {**MATCHED, "further": True, "partners": 1, "hours": 0}),
    "lead_matched, by the profile": ("lead_matched", {**MATCHED, "kind": "contact", "partners": 1, "hours": 0}),
    "lead_review_request": ("lead_review_request", TO_MERCHANT),
    **{
        f"unmatched, {reason}, {'named' if named else 'matched'}": (
            "unmatched",
            {**UNMATCHED, "reason": reason, "named": named},
        )
        for reason, named in (
            ("nobody_eligible", False),
            ("partner_unavailable", True),
            ("nobody_answered", False),
            ("nobody_answered", True),
        )
    },
    "unmatched, with others who could": (
        "unmatched",
        {**UNMATCHED, "reason": "partner_unavailable", "named": True, "alternatives": OTHERS},
    ),
    "unmatched, expired, with one other who could": (
        "unmatched",
        {**UNMATCHED, "reason": "nobody_answered", "named": True, "alternatives": OTHERS[:1]},
    ),
    "merchant_replied, a burst": (
        "merchant_replied",
        {
            **REPLY,
            "recipient_name": "Aiko",
            "parts": [{"text": "Good day.\nWhen?", "files": []}, {"text": "And how much?", "files": ["brief.pdf"]}],
        },
    ),
    "partner_replied, a burst": (
        "partner_replied",
        {
            **REPLY,
            "partner_name": "Studio Hoshi",
            "first": False,
            "parts": [{"text": "Good day.\nWhen?", "files": ["offer.pdf"]}, {"text": "One more thing.", "files": []}],
        },
    ),
    "mention, a burst": ("mention", {**COMMENT, "parts": BURST}),
    "correspondence, a burst of comments": ("correspondence", {**COMMENT, "internal": True, "parts": BURST}),
    "correspondence, a burst of messages": (
        "correspondence",
        {**COMMENT, "merchant_name": "Kettle & Thread", "internal": False, "parts": BURST},
    ),
    "request_stopped": ("request_stopped", TO_MEMBER),
    "job_stopped": ("job_stopped", TO_MEMBER),
    "lead_stopped": ("lead_stopped", TO_MEMBER),
    "review_taken_down": ("review_taken_down", TO_MEMBER),
    "lead_review_taken_down": ("lead_review_taken_down", TO_MEMBER),
    "account, suspended": ("account", {"suspended": True}),
    "account, restored": ("account", {"suspended": False}),
    "assigned": (
        "assigned",
        {"recipient_name": "Aiko", "assigned_by": "Ken", "title": "Spring launch", "service_name": SERVICE},
    ),
}
"""Template and values, by the form's name."""
