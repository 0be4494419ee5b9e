"""What a command that replaces a whole says of what its sender saw."""

from typing import Annotated

from pydantic import Field

ExpectedVersion = Annotated[int | None, Field(ge=0)]
"""The version of the aggregate that was seen. Its owner refuses (`shared.decisions.unless_overtaken`) when the part
that the command replaces has changed since; None asks for no such check."""
