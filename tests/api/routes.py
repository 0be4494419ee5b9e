"""Every operation of the API: whose it is, and how it is called. `test_tenants.py` holds it against the documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.api.tenants import BLOCKED, GONE, HALTED, OPERATOR, SUSPENDED, TEAM, THE_CONVERSATION, THE_REQUEST

OUTSIDE = ("stranger", "invited", "removed")
MERCHANTS = ("mia", "olga", "mia by link")
PARTNERS = (*TEAM, "bob", BLOCKED, HALTED)
_EVERY_ADDRESS = (*OUTSIDE, "mia", "olga", *PARTNERS, "bob_as_ada")
EVERYBODY = (*GONE, OPERATOR, SUSPENDED, *OUTSIDE, *MERCHANTS, *PARTNERS, "bob as ada")


def _refused(status: int, *people: str) -> dict[str, int]:
    return dict.fromkeys(people, status)


@dataclass(frozen=True)
class Scope:
    """Whose operations these are: `refuses` says with which status whom. Everybody else may call them, and is given
    nothing but its own.
    """

    refuses: Mapping[str, int]

    def but(self, **refused: int) -> "Scope":
        return Scope({**self.refuses, **{who.replace("_", " "): status for who, status in refused.items()}})

    def and_operators(self) -> "Scope":
        return self._and(OPERATOR)

    def and_halted(self) -> "Scope":
        return self._and(HALTED)

    def _and(self, other: str) -> "Scope":
        return Scope({who: status for who, status in self.refuses.items() if who != other})


PUBLIC = Scope({})
SIGNED_IN = Scope({**_refused(401, *GONE, OPERATOR), **_refused(403, SUSPENDED)})
BY_ADDRESS = SIGNED_IN.but(mia_by_link=403)
"""What concerns all that an address is: a link that was mailed for one role does not reach it."""
MEMBERS = Scope({**SIGNED_IN.refuses, **_refused(403, *OUTSIDE, *MERCHANTS, "bob as ada", HALTED)})
ADMINS = MEMBERS.but(member=403, limited=403)
ADAS_JOB = MEMBERS.but(limited=404, bob=404, blocked=404)
ADAS_TEAM = ADMINS.but(bob=404, blocked=404)
SOME_MERCHANT = Scope({**SIGNED_IN.refuses, **_refused(403, *OUTSIDE, *PARTNERS, "bob as ada")})
MIAS = SOME_MERCHANT.but(olga=404)
THE_INVITED = Scope({**SIGNED_IN.refuses, **_refused(404, "stranger", "removed", *MERCHANTS, *PARTNERS, "bob as ada")})
OPERATORS = Scope({**_refused(401, *GONE), **_refused(403, SUSPENDED, *OUTSIDE, *MERCHANTS, *PARTNERS, "bob as ada")})


@dataclass(frozen=True)
class Call:
    """`asks`: the door's owner refuses, so there is a command in the log, and nothing that came of it. `endless`: the
    answer has no end for whom it is given. `public`: secrets elsewhere that are shown here to everybody.
    """

    scope: Scope
    body: Any = None
    files: Any = None
    asks: Sequence[str] = ()
    endless: bool = False
    public: Sequence[str] = ()
    query: Mapping[str, str] = field(default_factory=dict)


SAID = {"text": "Hello."}
REVIEW = {"rating": 3, "text": "Fine."}
DECLINE = {"reason": "timing", "note": "No."}
PROFILE = {
    "slug": "somebody",
    "name": "Somebody",
    "about": "We do things.",
    "main_language": "en",
    "languages": ["en"],
    "country": "FR",
}
OFFER = {"price_from": {"amount": "10.00", "currency": "EUR"}, "unit": "hour", "lead_days": 3}
MEMBER = {"role": "admin", "assigned_only": False}
REQUEST = {
    "kind": "match",
    "locale": "en",
    "merchant": {"name": "Una", "email": "una@new.example", "store_url": "https://una.example"},
    "business": "Cups.",
    "service": "seo",
    "title": "Cups",
    "requirements": "Be found.",
}
REPORT = {"reason": "fraud", "text": "Asks for passwords."}
WHY = {"reason": "It was reported."}
UNA = {"email": "una@new.example", **WHY}
FILE = {"file": ("note.txt", b"One, two.")}

V1, MERCHANT, OPS = "/api/v1", "/api/v1/merchant", "/api/v1/operators"
JOB, MERCHANTS_JOB = f"{V1}/jobs/{{job_id}}", f"{MERCHANT}/jobs/{{job_id}}"
TABLE: Mapping[str, Call] = {
    # leads: everybody may ask, and a status tells no more than that
    f"POST {V1}/requests": Call(PUBLIC, REQUEST),
    f"GET {V1}/requests/{{request_id}}": Call(PUBLIC),
    f"POST {V1}/requests/{{request_id}}/confirm": Call(PUBLIC, {"token": "not-the-mailed-one"}),
    f"GET {V1}/partners": Call(PUBLIC),
    f"GET {V1}/partners/{{slug}}": Call(PUBLIC, public=("review", "review's answer")),
    # who one is
    f"POST {V1}/sign-in": Call(PUBLIC, {"email": "mia@secret-kettle.example"}),
    f"POST {V1}/registrations": Call(PUBLIC, {"email": "una@new.example"}),
    f"POST {V1}/sessions": Call(PUBLIC, {"token": "not-a-mailed-one"}),
    f"GET {V1}/services": Call(PUBLIC),
    f"DELETE {V1}/sessions/current": Call(SIGNED_IN),
    f"GET {V1}/sessions": Call(BY_ADDRESS),
    f"DELETE {V1}/sessions": Call(BY_ADDRESS),
    f"DELETE {V1}/sessions/{{session_id}}": Call(BY_ADDRESS.but(**dict.fromkeys(_EVERY_ADDRESS, 404))),
    f"GET {V1}/me": Call(SIGNED_IN),
    f"GET {V1}/events": Call(SIGNED_IN, endless=True),
    f"POST {V1}/partners": Call(BY_ADDRESS, {**PROFILE, "your_name": "Una"}),
    f"POST {V1}/invitations/{{partner_id}}/accept": Call(THE_INVITED),
    # the organisation
    f"GET {V1}/partner": Call(MEMBERS.and_halted()),
    f"PUT {V1}/partner/profile": Call(ADMINS, PROFILE),
    f"PUT {V1}/partner/services/{{service}}": Call(ADMINS, OFFER),
    f"DELETE {V1}/partner/services/{{service}}": Call(ADMINS),
    f"POST {V1}/partner/publish": Call(ADMINS),
    f"POST {V1}/partner/unpublish": Call(ADMINS),
    f"GET {V1}/preferences": Call(MEMBERS),
    f"PUT {V1}/preferences": Call(ADMINS, {"available": False}),
    f"GET {V1}/team": Call(MEMBERS),
    f"POST {V1}/team/invitations": Call(ADMINS, {"email": "una@new.example", "name": "Una", "locale": "en"}),
    f"PUT {V1}/team/{{member_id}}": Call(ADAS_TEAM, MEMBER),
    # A member may remove itself: only the team's own rule knows who this is.
    f"DELETE {V1}/team/{{member_id}}": Call(MEMBERS.but(limited=403, bob=404, blocked=404), asks=("limited",)),
    f"GET {V1}/settings": Call(MEMBERS),
    f"PUT {V1}/settings": Call(MEMBERS, {"name": "Una", "locale": "fr"}),
    f"GET {V1}/standing": Call(MEMBERS),
    f"GET {V1}/matching/explanations": Call(MEMBERS.and_operators()),
    f"GET {V1}/reviews/leads": Call(MEMBERS),
    f"POST {V1}/reviews/leads/{{lead_id}}/request": Call(ADAS_JOB),
    f"POST {V1}/reviews/leads/{{lead_id}}/report": Call(ADAS_JOB, REPORT),
    f"POST {V1}/reviews/leads/{{lead_id}}/review/report": Call(ADAS_JOB, REPORT),
    # those who run the marketplace
    f"GET {OPS}/reports": Call(OPERATORS),
    f"POST {OPS}/reports/{{report_id}}/resolve": Call(OPERATORS, {"finding": "dismissed", **WHY}),
    # What was reported is what they are shown.
    f"POST {OPS}/reports/{{report_id}}/conversation": Call(OPERATORS, WHY, public=(*THE_CONVERSATION, *THE_REQUEST)),
    f"GET {OPS}/acts": Call(OPERATORS),
    f"POST {OPS}/requests/{{request_id}}/stop": Call(OPERATORS, WHY),
    f"POST {OPS}/jobs/{{job_id}}/review/take-down": Call(OPERATORS, WHY),
    f"POST {OPS}/leads/{{lead_id}}/review/take-down": Call(OPERATORS, WHY),
    f"POST {OPS}/people/suspend": Call(OPERATORS, UNA),
    f"POST {OPS}/people/restore": Call(OPERATORS, UNA),
    f"POST {OPS}/people/end-sessions": Call(OPERATORS, UNA),
    f"POST {OPS}/partners/{{partner_id}}/vouch": Call(OPERATORS, {"approval": "approved", **WHY}),
    f"POST {OPS}/partners/{{partner_id}}/suspend": Call(OPERATORS, WHY),
    f"POST {OPS}/partners/{{partner_id}}/restore": Call(OPERATORS, WHY),
    # the partner's jobs
    f"GET {V1}/jobs": Call(MEMBERS),
    f"GET {V1}/jobs/counts": Call(MEMBERS),
    f"GET {JOB}": Call(ADAS_JOB),
    f"GET {JOB}/timeline": Call(ADAS_JOB),
    f"GET {JOB}/mails": Call(ADAS_JOB),
    f"POST {JOB}/read": Call(ADAS_JOB, {"version": 1}),
    f"POST {JOB}/open": Call(ADAS_JOB),
    f"POST {JOB}/messages": Call(ADAS_JOB, SAID),
    f"POST {JOB}/decline": Call(ADAS_JOB, DECLINE),
    f"POST {JOB}/complete": Call(ADAS_JOB),
    f"POST {JOB}/inactive": Call(ADAS_JOB),
    f"POST {JOB}/undo": Call(ADAS_JOB),
    f"POST {JOB}/reactivate": Call(ADAS_JOB),
    f"POST {JOB}/comments": Call(ADAS_JOB, SAID),
    f"PUT {JOB}/assignees": Call(ADAS_JOB, {"member_ids": []}),
    f"POST {JOB}/assignees/me": Call(ADAS_JOB),
    f"DELETE {JOB}/assignees/me": Call(ADAS_JOB),
    f"PUT {JOB}/assignees/{{member_id}}": Call(ADAS_JOB),
    f"DELETE {JOB}/assignees/{{member_id}}": Call(ADAS_JOB),
    f"POST {JOB}/review/request": Call(ADAS_JOB),
    f"POST {JOB}/review/answer": Call(ADAS_JOB, SAID),
    f"POST {JOB}/report": Call(ADAS_JOB, REPORT),
    f"POST {JOB}/review/report": Call(ADAS_JOB, REPORT),
    f"POST {JOB}/store-access/ask": Call(ADAS_JOB, {"permissions": ["themes"], "days": 3, "note": "Please."}),
    f"POST {JOB}/store-access/request": Call(ADAS_JOB, {"permissions": ["themes"]}),
    f"POST {JOB}/store-access/revoke": Call(ADAS_JOB),
    f"POST {JOB}/attachments": Call(ADAS_JOB, files=FILE),
    f"GET {JOB}/attachments/{{attachment_id}}": Call(ADAS_JOB),
    # the merchant's side
    f"POST {MERCHANT}/stores/proof": Call(SOME_MERCHANT, {"store_url": "https://kettle.example"}),
    f"POST {MERCHANT}/stores/check": Call(SOME_MERCHANT, {"store_url": "https://127.0.0.1:1", "way": "file"}),
    f"GET {MERCHANT}/requests": Call(SOME_MERCHANT),
    f"POST {MERCHANT}/requests/{{request_id}}/withdraw": Call(MIAS),
    f"POST {MERCHANT}/partners/{{partner_id}}/block": Call(MIAS),
    f"GET {MERCHANT}/jobs": Call(SOME_MERCHANT),
    f"GET {MERCHANTS_JOB}": Call(MIAS),
    f"GET {MERCHANTS_JOB}/timeline": Call(MIAS),
    f"GET {MERCHANTS_JOB}/mails": Call(MIAS),
    f"POST {MERCHANTS_JOB}/report": Call(MIAS, REPORT),
    f"POST {MERCHANTS_JOB}/open": Call(MIAS),
    f"POST {MERCHANTS_JOB}/messages": Call(MIAS, SAID),
    f"POST {MERCHANTS_JOB}/decline": Call(MIAS, DECLINE),
    f"POST {MERCHANTS_JOB}/end": Call(MIAS),
    f"POST {MERCHANTS_JOB}/review": Call(MIAS, REVIEW),
    f"PUT {MERCHANTS_JOB}/review": Call(MIAS, REVIEW),
    f"POST {MERCHANTS_JOB}/store-access/consent": Call(MIAS, {"asked_at": "2026-03-02T09:00:00Z"}),
    f"POST {MERCHANTS_JOB}/store-access/refuse": Call(MIAS),
    f"POST {MERCHANTS_JOB}/store-access/revoke": Call(MIAS),
    f"POST {MERCHANTS_JOB}/attachments": Call(MIAS, files=FILE),
    f"GET {MERCHANTS_JOB}/attachments/{{attachment_id}}": Call(MIAS),
}
