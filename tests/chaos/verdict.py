"""Compares what a run left behind with what the command log says must be there. Every difference is named."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.jobs.job import decide, evolve
from shared.aggregate import NOT_FOUND
from shared.contracts.jobs import CreateJob, Job
from shared.contracts.replies import CommandApplied
from shared.decisions import Decision, Rejection
from shared.records import Received
from tests.chaos.evidence import Evidence

_EXAMPLES = 5


@dataclass
class Verdict:
    counts: dict[str, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)

    def differ(self, what: str, where: Collection[object]) -> None:
        """Nothing in `where` means no difference."""
        if where:
            examples = ", ".join(str(one) for one in list(where)[:_EXAMPLES])
            more = f" … and {len(where) - _EXAMPLES} more" if len(where) > _EXAMPLES else ""
            self.differences.append(f"{what}: {examples}{more}")


@dataclass
class Told:
    """What the log alone says: each command decided once, in order, by the pure rules."""

    outcomes: dict[UUID, str] = field(default_factory=dict)
    """`applied`, or the code of the rejection."""
    facts: dict[UUID, list[tuple[int, str]]] = field(default_factory=dict)
    """Of each command, its events: (version, type)."""
    jobs: dict[UUID, Job] = field(default_factory=dict)


def judge(acked: Collection[UUID], evidence: Evidence) -> Verdict:
    verdict = Verdict()
    told = _tell(evidence.commands)
    _judge_log(verdict, acked, told, evidence)
    _judge_answers(verdict, told, evidence.replies)
    first = _judge_events(verdict, told, evidence.events)
    _judge_documents(verdict, told, first, evidence.documents)
    refused = sum(outcome != "applied" for outcome in told.outcomes.values())
    verdict.counts |= {
        "commands": len(told.outcomes),
        "command records": len(evidence.commands),
        "applied": len(told.outcomes) - refused,
        "refused": refused,
        "jobs": len(told.jobs),
        "distinct events": len(first),
        "duplicate event records": len(evidence.events) - len(first),
        "duplicate replies": len(evidence.replies) - len({one.record.subject for one in evidence.replies}),
    }
    return verdict


def _tell(commands: list[Received]) -> Told:
    told = Told()
    for received in commands:
        record = received.record
        if record.id in told.outcomes:
            continue
        job = told.jobs.get(record.subject)
        decision: Decision = Rejection(NOT_FOUND, "")
        if job is not None or isinstance(record.data, CreateJob):
            decision = decide(job, record.data, record.subject, received.at)
        if isinstance(decision, Rejection):
            told.outcomes[record.id], told.facts[record.id] = decision.code, []
            continue
        told.outcomes[record.id] = "applied"
        told.facts[record.id] = []
        for fact in decision:
            version = (job.version if job else 0) + 1
            job = evolve(job, fact, record.subject, received.at).model_copy(update={"version": version})
            told.facts[record.id].append((version, type(fact).__name__))
        if job is not None:
            told.jobs[record.subject] = job
    return told


def _judge_log(verdict: Verdict, acked: Collection[UUID], told: Told, evidence: Evidence) -> None:
    verdict.differ("acknowledged commands that are not in the log", set(acked) - told.outcomes.keys())
    verdict.differ("commands in the log that nobody sent", told.outcomes.keys() - set(acked))
    verdict.differ("records in dead-letters.jobs", range(evidence.dead_letters))
    verdict.differ("records that are parked still", range(evidence.parked))


def _judge_answers(verdict: Verdict, told: Told, replies: list[Received]) -> None:
    answers: dict[UUID, set[str]] = defaultdict(set)
    for received in replies:
        data = received.record.data
        answers[received.record.subject].add("applied" if isinstance(data, CommandApplied) else data.code)
    verdict.differ("commands without an answer", told.outcomes.keys() - answers.keys())
    verdict.differ("answers to what nobody asked", answers.keys() - told.outcomes.keys())
    different = {one: sorted(said) for one, said in answers.items() if len(said) > 1}
    verdict.differ("commands with two different outcomes", different.items())
    wrong = [
        f"{one}: the log says {told.outcomes[one]}, the answer {said}"
        for one, said in answers.items()
        if one in told.outcomes and said != {told.outcomes[one]}
    ]
    verdict.differ("answers that are not what the log says", wrong)


def _judge_events(verdict: Verdict, told: Told, events: list[Received]) -> dict[UUID, Any]:
    """Gives the distinct events by id, each as it came first, in the log's order."""
    first: dict[UUID, Any] = {}
    changed, stale = set(), set()
    for received in events:
        event = received.record
        known = first.setdefault(event.id, event)
        if _content(known) != _content(event):
            changed.add(event.id)
        if event.snapshot.version < event.version:
            stale.add(event.id)
    verdict.differ("event ids with two different contents", changed)
    verdict.differ("events whose snapshot is older than themselves", stale)

    by_command: dict[UUID, list[tuple[int, str]]] = defaultdict(list)
    versions: dict[UUID, list[int]] = defaultdict(list)
    for event in first.values():
        by_command[event.causationid].append((event.version, event.type))
        versions[event.subject].append(event.version)
    wrong = [
        f"{one}: the log says {facts}, the events {by_command[one]}"
        for one, facts in told.facts.items()
        if by_command[one] != facts
    ]
    verdict.differ("commands whose events are not those they must have", wrong)
    verdict.differ("events of commands that nobody sent", by_command.keys() - told.facts.keys())
    gaps = [one for one, found in versions.items() if sorted(found) != list(range(1, len(found) + 1))]
    verdict.differ("jobs whose versions are not 1..n", gaps)
    verdict.differ("jobs whose events first came out of order", [o for o, v in versions.items() if v != sorted(v)])
    return first


def _judge_documents(
    verdict: Verdict, told: Told, first: dict[UUID, Any], documents: dict[UUID, dict[str, Any]]
) -> None:
    folded: dict[UUID, Job] = {}
    impossible = set()
    for event in sorted(first.values(), key=lambda event: event.version):
        if event.version != (folded[event.subject].version if event.subject in folded else 0) + 1:
            continue  # a gap, named above
        try:
            job = evolve(folded.get(event.subject), event.fact, event.subject, event.time)
        except LookupError:  # not in the table of what may follow
            impossible.add(event.id)
            continue
        folded[event.subject] = job.model_copy(update={"version": event.version})
    verdict.differ("events that cannot follow what came before", impossible)
    # A document may be there without a job: it remembers that something was refused before there was one.
    stored = {one: Job.model_validate(document["state"]) for one, document in documents.items() if document["state"]}
    for name, jobs in (("the fold of the facts", folded), ("the fold of the log", told.jobs)):
        different = [one for one in stored.keys() | jobs.keys() if stored.get(one) != jobs.get(one)]
        verdict.differ(f"jobs in MongoDB that are not {name}", different)
    wrong = [one for one, job in stored.items() if documents[one]["version"] != job.version]
    verdict.differ("documents whose version is not their state's", wrong)


def _content(event: Any) -> tuple[object, ...]:
    """All but the snapshot, which may be newer each time."""
    return (event.type, event.subject, event.version, event.time, event.causationid, event.correlationid, event.fact)
