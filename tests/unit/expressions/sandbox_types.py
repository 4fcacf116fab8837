"""Types that the tests of the sandbox share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tieline.expressions.sandbox import SandboxPool

StartPool = Callable[..., Awaitable[SandboxPool]]
