"""The rules of a report. A side reports a thing once: who says the same again has said nothing new, and who adds to it
opens it again. Pure.
"""

from datetime import datetime
from uuid import UUID

from shared.contracts.base import Actor, ActorKind
from shared.contracts.jobs import Job
from shared.contracts.leads import Lead
from shared.contracts.reports import (
    About,
    FileReport,
    Report,
    ReportCommand,
    Reported,
    ReportFact,
    ReportFiled,
    ReportResolved,
    Resolution,
    ResolveReport,
    report_id_of,
    subject_of,
)
from shared.decisions import Decision, Rejection


def about(of: Job | Lead, what: Reported) -> About:
    """What a report of this job or lead, or of its review, is about."""
    return About(
        what=what,
        at=of.job_id if isinstance(of, Job) else of.lead_id,
        request_id=of.request_id,
        partner_id=of.partner_id,
        merchant_id=of.details.merchant.merchant_id,
    )


def decide(report: Report | None, command: ReportCommand, report_id: UUID, at: datetime) -> Decision:  # noqa: ARG001 - the Decider's signature
    if isinstance(command, FileReport):
        return _file(report, command, report_id)
    if report is None:
        raise ValueError(f"There is no report {report_id} to decide about.")
    return _resolve(report, command)


def evolve(report: Report | None, fact: ReportFact, report_id: UUID, at: datetime) -> Report:
    match fact:
        case ReportFiled():
            return _filed(report, fact, report_id, at)
        case ReportResolved(finding=finding, reason=reason, actor=actor):
            if report is None:
                raise ValueError("ReportResolved before ReportFiled.")
            resolution = Resolution(finding=finding, reason=reason, by=actor.name, at=at)
            return report.model_copy(update={"resolution": resolution})


def _file(report: Report | None, command: FileReport, report_id: UUID) -> Decision:
    if not _is_party(command.about, command.actor) or report_id != report_id_of(command.about, command.actor):
        return Rejection("forbidden", "Only the two sides of something report it, once each.")
    if report is not None and command.reason is report.reason and command.text in ("", report.text):
        return []
    said = {name: getattr(command, name) for name in ReportFiled.model_fields}
    return [ReportFiled(**said)]


def _filed(report: Report | None, fact: ReportFiled, report_id: UUID, at: datetime) -> Report:
    """Who adds to a report without words leaves those that are there. The queue keeps its place."""
    if report is not None:
        added = {"reason": fact.reason, "text": fact.text or report.text, "reporter": fact.actor, "resolution": None}
        return report.model_copy(update=added)
    return Report(
        report_id=report_id,
        subject=subject_of(fact.about, fact.actor),
        about=fact.about,
        reason=fact.reason,
        text=fact.text,
        reporter=fact.actor,
        filed_at=at,
    )


def _resolve(report: Report, command: ResolveReport) -> Decision:
    if command.actor.kind is not ActorKind.OPERATOR:
        return Rejection("forbidden", "Only operators resolve reports.")
    if report.resolution is not None:
        return Rejection("already_resolved", "Somebody has resolved this report.")
    return [ReportResolved(finding=command.finding, reason=command.reason, actor=command.actor)]


def _is_party(about: About, actor: Actor) -> bool:
    """A merchant reports jobs alone: its own review is its own, and a prospect has no session."""
    match actor.kind:
        case ActorKind.PARTNER:
            return actor.partner_id == about.partner_id
        case ActorKind.MERCHANT:
            return actor.merchant_id == about.merchant_id and not (about.what.is_review or about.what.of_a_lead)
        case ActorKind.OPERATOR | ActorKind.SYSTEM:
            return False
