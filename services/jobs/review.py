"""Reviews: after completion, once per job; the partner may answer once, the merchant may edit for two weeks, also when
the job goes on. Pure.
"""

from datetime import datetime, timedelta

from services.jobs.table import Move, refusal
from shared.contracts.base import ActorKind
from shared.contracts.jobs import (
    AnswerReview,
    AskReview,
    EditReview,
    Job,
    JobReviewed,
    Review,
    ReviewAnswered,
    ReviewAsked,
    ReviewEdited,
    ReviewJob,
    ReviewTakenDown,
    TakeDownReview,
)
from shared.decisions import Decision, Rejection

EDIT_WITHIN = timedelta(days=14)

ReviewCommand = ReviewJob | EditReview | AskReview | AnswerReview | TakeDownReview
ReviewFact = JobReviewed | ReviewEdited | ReviewAsked | ReviewAnswered | ReviewTakenDown

_TAKEN_DOWN = Rejection("taken_down", "Jobwire has taken this review down.")


def decide_review(job: Job, command: ReviewCommand, at: datetime) -> Decision:
    if isinstance(command, ReviewJob | AskReview) and refusal(job, Move.REVIEW):
        return Rejection("not_completed", "A job can be reviewed once it is completed.")
    match command:
        case ReviewJob():
            return _review(job, command)
        case AskReview(actor=actor):
            if job.review is not None:
                return Rejection("already_reviewed", "This job has its review.")
            if job.review_asked_at is not None:
                return Rejection("already_asked", "The merchant has been asked for a review.")
            return [ReviewAsked(actor=actor)]
        case EditReview(rating=rating, text=text, actor=actor):
            if job.review is None:
                return Rejection("not_reviewed", "There is no review to edit.")
            if not job.review.stands:
                return _TAKEN_DOWN
            if at - job.review.at > EDIT_WITHIN:
                return Rejection("too_late", "A review can be edited for 14 days.")
            return [ReviewEdited(rating=rating, text=text, actor=actor)]
        case AnswerReview(text=text, actor=actor):
            if job.review is None:
                return Rejection("not_reviewed", "There is no review to answer.")
            if not job.review.stands:
                return _TAKEN_DOWN
            if job.review.answer is not None:
                return Rejection("already_answered", "This review has its answer.")
            return [ReviewAnswered(text=text, actor=actor)]
        case TakeDownReview(actor=actor):
            if job.review is None:
                return Rejection("not_reviewed", "There is no review to take down.")
            return [ReviewTakenDown(actor=actor)] if job.review.stands else []


def _review(job: Job, command: ReviewJob) -> Decision:
    if command.of_own_team:
        return Rejection("own_review", "Nobody reviews an organisation they belong to.")
    if job.review is not None:
        return Rejection("already_reviewed", "This job has its review.")
    return [JobReviewed(rating=command.rating, text=command.text, actor=command.actor)]


def reviewed(job: Job, fact: ReviewFact, at: datetime) -> dict[str, object]:
    """What a review's fact changes of its job."""
    match fact:
        case JobReviewed(rating=rating, text=text):
            return {"review": Review(rating=rating, text=text, at=at), **_changed(job)}
        case ReviewAsked():
            return {"review_asked_at": at}
        case ReviewEdited(rating=rating, text=text):
            return _review_with(job, rating=rating, text=text, edited_at=at) | _changed(job)
        case ReviewAnswered(text=text):
            return _review_with(job, answer=text)
        case ReviewTakenDown():
            return _review_with(job, taken_down_at=at) | _changed(job)


def _review_with(job: Job, **fields: object) -> dict[str, object]:
    assert job.review is not None, "There is a review before it is edited or answered."
    return {"review": job.review.model_copy(update=fields)}


def _changed(job: Job) -> dict[str, object]:
    return {"parts": job.parts.model_copy(update={"review": job.version_for(ActorKind.MERCHANT) + 1})}
