"""What counts how much. A file of weights is this model as JSON; `jobwire match evaluate` compares two."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from shared.contracts.base import Contract

Share = Annotated[float, Field(ge=0, le=1)]


class Weights(Contract):
    """The parts of a score; together they are 1. `priorities` is divided among time, cost and quality as the merchant
    says.
    """

    name: Annotated[str, Field(max_length=80)] = "standard"
    priorities: Share = 0.36
    chance: Share = 0.22
    """The predicted chance that the partner replies."""
    answers: Share = 0.03
    """Answering at all, be it with a decline."""
    fit: Share = 0.03
    """How much what the merchant writes and what the partner writes are about the same."""
    craft: Share = 0.01
    """Doing few things, this among them."""
    language: Share = 0.02
    """Writing the merchant's language first."""
    share: Share = 0.33
    """Having been sent less than others who can and want to do as much."""
    exploration: Annotated[float, Field(ge=0, le=4)] = 0.25
    """How far a draw may stray from the prediction, in standard deviations of what is not known."""
    most_share: Annotated[float, Field(ge=1)] = 1.5
    """Nobody who has got this many times its share is chosen while there are others."""
    draws: Annotated[int, Field(ge=1, le=1024)] = 48

    @model_validator(mode="after")
    def _whole(self) -> Self:
        parts = (self.priorities, self.chance, self.answers, self.fit, self.craft, self.language, self.share)
        if abs(sum(parts) - 1) > 1e-6:
            raise ValueError(f"The parts of the score add up to {sum(parts):.6g}, not to 1.")
        return self


class BadWeights(ValueError):  # noqa: N818 - the file is bad
    """The file is not there, or is no set of weights. The message names the file and says what is wrong."""


def weights_in(path: str) -> Weights:
    """The weights of a file, or the standard ones for an empty path. Raises `BadWeights`."""
    if not path:
        return Weights()
    try:
        return Weights.model_validate_json(Path(path).read_bytes())
    except OSError as error:
        raise BadWeights(f"{path}: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the weights"
        raise BadWeights(f"{path}: {where}: {first['msg']}") from error
