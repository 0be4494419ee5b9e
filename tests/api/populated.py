"""A market in which everything that the API can show is there: jobs in every status, files, comments, reviews."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tests.builders import UNDO, an_offer
from tests.flow.people import Person, a_team, ask_for_access, consents, fill_in_the_form, follow, sign_in
from tests.flow.world import World

OWNER, HELPER, MERCHANT, NEWCOMER = "owner@ada.example", "helper@ada.example", "mia@kettle.example", "noa@new.example"
OPS_TOKEN = "a-token-of-those-who-run-it"
REVIEW = {"rating": 4, "text": "Slow, but good."}
STATES = (
    "new",
    "opened",
    "replied",
    "awaiting",
    "inactive",
    "completed",
    "reviewed",
    "asked",
    "consented",
    "declined",
    "pending",
)


@dataclass
class Populated:
    """Who is there, and the ids by the name that a path or a body calls them."""

    owner: Person
    merchant: Person
    newcomer: Person
    operator: Person
    ids: dict[str, list[str]] = field(default_factory=dict)


async def populate(world: World) -> Populated:
    """One partner, `Ada`, with a job in each state for one merchant."""
    ada = a_team("Ada", services=(an_offer(),))
    world.register(ada)
    await world.settle()
    for state in STATES:
        await follow(world, await fill_in_the_form(world, title=state))
        await world.time_passes(timedelta(minutes=20))
    owner, merchant = await sign_in(world, OWNER), await sign_in(world, MERCHANT)
    found = {job["request"]["title"]: job for job in (await owner.get("/jobs"))["jobs"]}
    jobs = {state: found[state] for state in STATES}
    files = [await lead_to(world, state, jobs[state]["job_id"], owner, merchant) for state in STATES]
    invitation = {"email": NEWCOMER, "name": "Noa", "locale": "en"}
    team = await owner.post("/team/invitations", invitation)
    operator = Person(world, world.client("gateway", Authorization=f"Bearer {OPS_TOKEN}"))
    people = Populated(owner, merchant, await sign_in(world, NEWCOMER), operator)
    reported = [jobs[state]["job_id"] for state in ("replied", "reviewed")]
    reports = [await owner.post(f"/jobs/{job_id}/report", {"reason": "spam"}) for job_id in reported]
    people.ids = {
        "job_id": [job["job_id"] for job in jobs.values()],
        "request_id": [job["request_id"] for job in jobs.values()],
        "partner_id": [str(ada.partner_id)],
        "report_id": [report["report_id"] for report in reports],
        "member_id": [member["member_id"] for member in team["members"]],
        "attachment_id": [file for file in files if file],
        "job with file": [job["job_id"] for job, file in zip(jobs.values(), files, strict=True) if file],
        "cursor": [(await owner.get("/jobs", sort=sort, limit=2))["next_cursor"] for sort in ("newest", "activity")],
    }
    return people


async def lead_to(world: World, state: str, job_id: str, owner: Person, merchant: Person) -> str | None:
    """Bring a new job there. Gives the file that was sent on the way, if one was."""
    ours, theirs = f"/jobs/{job_id}", f"/merchant/jobs/{job_id}"
    if state == "new":
        return None
    await owner.post(f"{ours}/open")
    await owner.post(f"{ours}/comments", {"text": "Shall we?"})
    if state in {"opened", "declined"}:
        if state == "declined":
            await owner.post(f"{ours}/decline", {"reason": "timing"})
            await world.time_passes(UNDO)
        return None
    uploaded = await upload(owner, ours, "plan.txt", b"One, two, three.")
    await owner.post(f"{ours}/messages", {"text": "Hello.", "attachment_ids": [uploaded["attachment_id"]]})
    await talk_on(state, ours, theirs, owner, merchant)
    if state != "pending":
        await world.time_passes(UNDO)
    if state == "reviewed":
        await merchant.post(f"{theirs}/review", REVIEW)
    return str(uploaded["attachment_id"])


async def talk_on(state: str, ours: str, theirs: str, owner: Person, merchant: Person) -> None:
    """From the first reply."""
    match state:
        case "awaiting":
            await merchant.post(f"{theirs}/messages", {"text": "When?"})
        case "inactive":
            await owner.post(f"{ours}/inactive")
        case "completed" | "reviewed" | "pending":
            await owner.post(f"{ours}/complete")
        case "asked" | "consented":
            await ask_for_access(owner.world, owner, ours.rpartition("/")[2], "To look.")
    if state == "consented":
        await consents(merchant, theirs.rpartition("/")[2])


async def upload(person: Person, path: str, name: str, content: bytes) -> Any:
    request = person.client.post(f"/api/v1{path}/attachments", files={"file": (name, content)})
    answer = await person.world.asked(request)
    assert answer.status_code == 201, answer.text
    return answer.json()
