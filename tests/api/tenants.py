"""Two partners, two merchants, everybody who could ask, and secrets in every place where somebody can write one."""

from dataclasses import dataclass, field
from datetime import timedelta

from shared.contracts.base import Actor, ActorKind, derived_id
from shared.contracts.partners import Role, SuspendPartner
from shared.publisher import outgoing
from shared.topics import PARTNER_COMMANDS
from tests.api.populated import upload
from tests.builders import HOUR, UNDO, a_command, a_member, an_offer
from tests.flow.people import Person, a_team, ask_for_access, session, sign_in
from tests.flow.world import World

MIA, OLGA = "mia@secret-kettle.example", "olga@other.example"
INVITED, REMOVED, STRANGER = "ines@ada.example", "rae@ada.example", "stella@nowhere.example"
PREFERENCES_ADDRESS = "secret-inbox@ada.example"
HELPER_NAME = "Secret-Helper"
TEAM = ("owner", "admin", "member", "limited")
GONE = ("nobody", "malformed", "closed", "expired", "idle")
"""Who has no session (any more)."""
HALTED = "halted"
"""Signed in, and the owner of an organisation that an operator has suspended."""
OPERATOR = "operator"
SUSPENDED, BLOCKED = "suspended", "blocked"
"""A member of Ada's team whom the marketplace has suspended; the owner of a team that Mia has blocked."""
OPS_TOKEN = "a-token-of-those-who-run-it"
OPS_TOKENS = f"ora:{OPS_TOKEN}"
"""Whoever runs Jobwire has no session either, and a token that is good for what the table says."""

THE_CONVERSATION = {
    "message": "secret-message",
    "answer": "secret-answer",
    "file name": "secret-name",
    "file": "secret-content",
    "sent by the merchant": "secret-drawing",
    "access note": "secret-access",
    "review": "secret-review",
    "review's answer": "secret-thanks",
}
INTERNAL = {"comment": "secret-comment", "decline note": "secret-decline", "unsent": "secret-draft"}
THE_TEAM = {
    "helper's name": HELPER_NAME,
    "helper's address": "secret-helper@ada.example",
    "admin's address": "secret-admin@ada.example",
    "preferences address": PREFERENCES_ADDRESS,
}
THE_REQUEST = {
    "merchant's name": "Secret-Mia",
    "title": "secret-title",
    "requirements": "secret-requirements",
    "business": "secret-business",
}
ADDRESS = {"merchant's address": MIA}
THE_REPORT = {"report": "secret-report"}
PROSPECT = "secret-pia@plans.example"
A_LEAD = {
    "prospect's name": "Secret-Pia",
    "title": "secret-idea",
    "requirements": "secret-hopes",
    "business": "secret-plans",
}
"""The partner's API shows the first two; the rest, and the address, came by mail."""


@dataclass
class Tenants:
    """`people` by what they are called in the matrix; `ids` are Ada's and Mia's, by the name that a path calls them."""

    world: World
    people: dict[str, Person] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, who: str) -> Person:
        return self.people[who]


def secrets_from(who: str) -> dict[str, str]:
    """What this person must never be told, by what it is."""
    lead = {f"lead's {what}": text for what, text in A_LEAD.items()} | {"prospect's address": PROSPECT}
    shown_lead = {what: lead[what] for what in ("lead's prospect's name", "lead's title")}
    hidden = {**THE_CONVERSATION, **INTERNAL, **THE_TEAM, **THE_REQUEST, **ADDRESS, **THE_REPORT, **lead}
    known: dict[str, dict[str, str]] = {
        "mia": {**THE_CONVERSATION, **THE_REQUEST, **ADDRESS},
        "mia by link": {**THE_CONVERSATION, **THE_REQUEST, **ADDRESS},
        "bob": THE_REQUEST,  # Mia asked him the same
        "bob as ada": THE_REQUEST,
        BLOCKED: THE_REQUEST,  # as Bob
        OPERATOR: THE_REPORT,
        "limited": {**THE_TEAM, **THE_REQUEST},  # it has another job of hers
        **{
            who: {**THE_CONVERSATION, **INTERNAL, **THE_TEAM, **THE_REQUEST, **shown_lead}
            for who in ("owner", "admin", "member")
        },
    }
    return {what: text for what, text in hidden.items() if what not in known.get(who, {})}


async def two_partners_and_two_merchants(world: World) -> Tenants:
    """Mia has asked Ada and Bob, and only Ada has answered; Olga has asked Bob by name."""
    tenants = Tenants(world)
    ada, bob, bea = [a_team(name, services=(an_offer(),)) for name in ("Ada", "Bob", "Bea")]
    owner = ada.members[0]
    others = (
        a_member(HELPER_NAME, Role.MEMBER, email=THE_TEAM["helper's address"], locale=owner.locale),
        a_member("Alma", Role.ADMIN, email=THE_TEAM["admin's address"], locale=owner.locale),
        a_member("Lou", Role.MEMBER, email="lou@ada.example", locale=owner.locale, assigned_only=True),
        a_member("Rae", Role.MEMBER, email=REMOVED, locale=owner.locale),
        a_member("Sue", Role.ADMIN, email="sue@ada.example", locale=owner.locale),
    )
    hal = a_team("Hal", services=(), published=False)
    world.register(ada.model_copy(update={"members": (owner, *others)}), bob, bea, hal)
    stopped = SuspendPartner(reason="Spam.", actor=Actor(kind=ActorKind.OPERATOR, name="otto"))
    world.log.append(outgoing(PARTNER_COMMANDS.name, a_command(stopped, hal.partner_id)))
    await world.settle()
    tenants.people["expired"] = await sign_in(world, owner.email)
    await world.time_passes(10 * HOUR)
    tenants.people["idle"] = await sign_in(world, owner.email)
    await world.time_passes(4 * HOUR)
    await everybody_signs_in(tenants, owner.email)
    await the_team_changes(tenants)
    await requests(tenants)
    await the_secret_job(tenants)
    await the_marketplace_looks(tenants)
    tenants.ids |= {
        "session_id": str(derived_id("nobody's session")),
        "partner_id": str(ada.partner_id),
        "member_id": str(others[0].member_id),
        "service": "seo",
        "slug": "ada",
    }
    return tenants


async def everybody_signs_in(tenants: Tenants, owner: str) -> None:
    world, people = tenants.world, tenants.people
    people["owner"], people["closed"] = await sign_in(world, owner), await sign_in(world, owner)
    await people["closed"].delete("/sessions/current", expect=204)
    people["member"] = await sign_in(world, THE_TEAM["helper's address"])
    people["admin"] = await sign_in(world, THE_TEAM["admin's address"])
    people["limited"], people["removed"] = await sign_in(world, "lou@ada.example"), await sign_in(world, REMOVED)
    people["bob"], people[HALTED] = [await sign_in(world, f"owner@{one}.example") for one in ("bob", "hal")]
    people[BLOCKED], people[SUSPENDED] = (
        await sign_in(world, "owner@bea.example"),
        await sign_in(world, "sue@ada.example"),
    )
    partner_id = (await people["owner"].get("/partner"))["partner_id"]
    token = people["bob"].client.headers["Authorization"]
    headers = {"Authorization": token, "Jobwire-Partner": partner_id}
    people["bob as ada"] = Person(world, world.client("gateway", **headers))
    people[OPERATOR] = Person(world, world.client("gateway", Authorization=f"Bearer {OPS_TOKEN}"))
    people["nobody"] = Person(world, world.client("gateway"))
    people["malformed"] = Person(world, world.client("gateway", Authorization=token.removeprefix("Bearer ")))
    asked = world.client("gateway").post("/api/v1/registrations", json={"email": STRANGER, "locale": "en"})
    assert (await world.asked(asked)).status_code == 202
    people["stranger"] = await session(world, world.mailbox.last(STRANGER, "token="))


async def the_team_changes(tenants: Tenants) -> None:
    owner = tenants["owner"]
    rae = next(one for one in (await owner.get("/team"))["members"] if one["email"] == REMOVED)
    await owner.delete(f"/team/{rae['member_id']}")
    await owner.post("/team/invitations", {"email": INVITED, "name": "Ines", "locale": "en"})
    tenants.people["invited"] = await sign_in(tenants.world, INVITED)
    shown = await owner.get("/preferences")
    wanted = {**shown["preferences"], "notification_email": PREFERENCES_ADDRESS}
    await owner.put("/preferences", wanted, seen=shown["version"])


async def requests(tenants: Tenants) -> None:
    """Mia asks whoever fits, then Ada by name, twice; Olga asks Bob by name."""
    world, ids = tenants.world, tenants.ids
    ada, bob = [(await tenants[who].get("/partner"))["partner_id"] for who in ("owner", "bob")]
    for cost, partner in enumerate((None, ada, ada)):
        # The same again would be the same request.
        await request(world, MIA, partner, cost=cost, name=THE_REQUEST["merchant's name"], **THE_REQUEST)
        await world.time_passes(timedelta(minutes=1))
    await request(world, OLGA, bob, name="Olga", title="Olga's", requirements="Be seen.", business="Cups.")
    await request(world, PROSPECT, ada, kind="contact", name=A_LEAD["prospect's name"], **A_LEAD)
    ids["lead_id"] = next(str(event.subject) for event in world.events("leads.events"))
    tenants.people["mia"], tenants.people["olga"] = await sign_in(world, MIA), await sign_in(world, OLGA)
    declined, assigned, secret = (await tenants["owner"].get("/jobs"))["jobs"]
    ids |= {
        "job_id": secret["job_id"],
        "request_id": secret["request_id"],
        "assigned": assigned["job_id"],
        "declined": declined["job_id"],
    }
    ids["bob's job"] = next(
        job["job_id"] for job in (await tenants["bob"].get("/jobs"))["jobs"] if job["request_id"] == ids["request_id"]
    )
    lou = (await tenants["limited"].get("/me"))["memberships"][0]["member_id"]
    await tenants["owner"].put(f"/jobs/{ids['assigned']}/assignees", {"member_ids": [lou]})
    await tenants["owner"].post(
        f"/jobs/{ids['declined']}/decline", {"reason": "timing", "note": INTERNAL["decline note"]}
    )
    await world.time_passes(UNDO)


async def request(  # what a form asks for
    world: World, email: str, partner_id: str | None, *, name: str, kind: str = "", cost: int = 3, **words: str
) -> None:
    """Ask for work, and confirm the address."""
    store = {} if kind == "contact" else {"store_url": "https://store.example"}
    body = {
        "kind": kind or ("direct" if partner_id else "match"),
        "priorities": {"cost": cost},
        "partner_id": partner_id,
        "locale": "en",
        "service": "seo",
        "merchant": {"name": name, "email": email, **store},
        **{field: words[field] for field in ("title", "requirements", "business")},
    }
    leads = world.client("leads")
    taken = await world.asked(leads.post("/api/v1/requests", json=body))
    assert taken.status_code == 202, taken.text
    token = world.mailbox.last(email, "/confirm?token=").token
    confirmed = await world.asked(leads.post(f"{taken.json()['status_url']}/confirm", json={"token": token}))
    assert confirmed.status_code == 202, confirmed.text


async def the_secret_job(tenants: Tenants) -> None:
    """Everything that can be said in a job is said in Ada's, with a secret in it."""
    owner, mia, ids, said = tenants["owner"], tenants["mia"], tenants.ids, THE_CONVERSATION
    ours, theirs = f"/jobs/{ids['job_id']}", f"/merchant/jobs/{ids['job_id']}"
    await owner.post(f"{ours}/comments", {"text": INTERNAL["comment"]})
    plan = await upload(owner, ours, f"{said['file name']}.txt", said["file"].encode())
    await owner.post(f"{ours}/messages", {"text": said["message"], "attachment_ids": [plan["attachment_id"]]})
    drawing = await upload(mia, theirs, "drawing.txt", said["sent by the merchant"].encode())
    await mia.post(f"{theirs}/messages", {"text": said["answer"], "attachment_ids": [drawing["attachment_id"]]})
    await ask_for_access(tenants.world, owner, ids["job_id"], said["access note"], MIA)
    await owner.post(f"{ours}/complete")
    await tenants.world.time_passes(UNDO)
    await mia.post(f"{theirs}/review", {"rating": 4, "text": said["review"]})
    await owner.post(f"{ours}/review/answer", {"text": said["review's answer"]})
    tenants.people["mia by link"] = await session(tenants.world, tenants.world.mailbox.last(MIA, said["message"]))
    draft = await upload(owner, ours, "draft.txt", INTERNAL["unsent"].encode())
    ids |= {"attachment_id": plan["attachment_id"], "draft": draft["attachment_id"]}


async def the_marketplace_looks(tenants: Tenants) -> None:
    """Bea has written, and Mia has blocked her; Ada has reported the secret job; Sue has been suspended."""
    bea, ids = tenants[BLOCKED], tenants.ids
    (job,) = (await bea.get("/jobs"))["jobs"]
    await bea.post(f"/jobs/{job['job_id']}/messages", {"text": "Good day."})
    await tenants["mia"].post(f"/merchant/partners/{(await bea.get('/partner'))['partner_id']}/block")
    report = {"reason": "fraud", "text": THE_REPORT["report"]}
    ids["report_id"] = (await tenants["owner"].post(f"/jobs/{ids['job_id']}/report", report))["report_id"]
    await tenants[OPERATOR].post("/operators/people/suspend", {"email": "sue@ada.example", "reason": "For the test."})
