"""What the bodies about deliveries have in common: moments, and texts that can be compared."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator

from tieline.kit.json import nul_place
from tieline.kit.time import stated_moment

Moment = Annotated[datetime, BeforeValidator(stated_moment)]


def refuse_nul(value: Any) -> Any:
    """Pass a body on unless it holds a text that the database refuses. Raises `ValueError`."""
    place = nul_place(value, "")
    if place is not None:
        raise ValueError(f"{place[:100] or 'A key'} holds the character U+0000. Remove it")
    return value
