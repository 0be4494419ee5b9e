"""All that one side can ask of its jobs, as it comes back: bodies, headers, refusals and live events."""

import re
from collections.abc import Sequence
from typing import Any

from tests.api.streaming import heard_by
from tests.flow.people import Person

LISTS = ("/jobs", "/jobs?sort=deadline", "/jobs?q=launch", "/jobs/counts")
OF_A_JOB = ("", "/timeline?limit=1", "/timeline?limit=100", "/mails")
OF_A_TEAM = ("/partner", "/preferences", "/team", "/settings", "/standing", "/me", "/matching/explanations")
TRIED = (
    *("messages", "comments", "assignees/me", "open", "undo", "complete", "inactive", "reactivate", "decline"),
    *("review/request", "review/answer", "store-access/ask", "store-access/request", "store-access/revoke", "report"),
)
BODIES: dict[str, Any] = {
    "messages": {"text": "Hello?"},
    "comments": {"text": "Well."},
    "decline": {"reason": "timing"},
    "review/answer": {"text": "Thank you."},
    "store-access/ask": {"note": "Please."},
    "store-access/request": {"permissions": ["themes"]},
    "report": {"reason": "spam"},
}
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_CURSOR = re.compile(r'"(next|older)_cursor":"[^"]*"')

Seen = list[tuple[str, int, dict[str, str], str]]


async def seen_by_merchant(merchant: Person, jobs: Sequence[str]) -> Seen:
    """What each `GET` of the merchant's answers."""
    paths = ["/merchant/jobs", "/merchant/jobs?limit=1", "/merchant/requests", "/me"]
    return await _got(merchant, [*paths, *(f"/merchant/jobs/{job}{page}" for job in jobs for page in OF_A_JOB)])


async def seen_by_team(member: Person, jobs: Sequence[str]) -> Seen:
    """What each `GET` of the partner's answers."""
    return await _got(member, [*LISTS, *OF_A_TEAM, *(f"/jobs/{job}{page}" for job in jobs for page in OF_A_JOB)])


async def tried_by_team(member: Person, job: str) -> list[tuple[str, int, str]]:
    """What each act of the partner's comes to, one after the other."""
    answers = []
    for act in TRIED:
        asked = member.client.post(f"/api/v1/jobs/{job}/{act}", json=BODIES.get(act))
        answer = await member.world.asked(asked)
        answers.append((act, answer.status_code, answer.text))
    return answers


async def told_live(person: Person, act: Any) -> list[dict[str, Any]]:
    """What the person's open page is told while somebody does something."""
    stream = await heard_by(person)
    await act
    return await stream.news()


def alike(seen: Any) -> str:
    """As text, with ids by the order in which they appear, and without the cursors, which are never alike."""
    names: dict[str, str] = {}
    text = _CURSOR.sub("", repr(seen))
    return _ID.sub(lambda found: names.setdefault(found[0], f"id {len(names)}"), text)


async def _got(person: Person, paths: Sequence[str]) -> Seen:
    answers = [(path, await person.client.get(f"/api/v1{path}")) for path in paths]
    return [(path, answer.status_code, dict(answer.headers), answer.text) for path, answer in answers]
