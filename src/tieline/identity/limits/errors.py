"""What a caller hears who calls too often."""

from __future__ import annotations

import math
from typing import ClassVar

from tieline.kit.errors import TooManyRequests


class RateLimited(TooManyRequests):
    """Too many requests in a minute. Wait for the seconds that Retry-After names."""

    code: ClassVar[str] = "RATE_LIMITED"


class LoginThrottled(TooManyRequests):
    """Too many unknown keys or tokens from this address. Wait, and use one that is valid."""

    code: ClassVar[str] = "LOGIN_THROTTLED"


def whole_seconds(seconds: float) -> int:
    """The value of a Retry-After header: at least one second, never too early."""
    return max(1, math.ceil(seconds))
