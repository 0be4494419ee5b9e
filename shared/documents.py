"""Reading documents that another release may have written."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError

from shared.failures import Unreadable
from shared.logs import get_logger

log = get_logger(__name__)

ModelT = TypeVar("ModelT", bound=BaseModel)


def why_unreadable(error: ValidationError) -> str:
    """Where, and what is wrong with it; never the value, which is somebody's."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def read(model: type[ModelT], value: Any, about: UUID) -> ModelT:
    """The value of a document about this aggregate. Raises `Unreadable` when a newer release wrote what this one does
    not know: a handler's record is then parked, and HTTP says to try again.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Unreadable("unreadable-document", why_unreadable(error), about) from None


def readable(model: type[ModelT], values: Iterable[tuple[UUID, Any]]) -> Iterator[ModelT]:
    """For lists: those that this release can read, so that one of a newer release hides itself and not all others."""
    for about, value in values:
        try:
            yield read(model, value, about)
        except Unreadable as unreadable:
            log.warning("document_skipped", id=str(about), model=model.__name__, detail=unreadable.detail)
