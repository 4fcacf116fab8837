"""The sandbox: does it evaluate, does it contain an attack, and does it live on afterwards?"""

from __future__ import annotations

import time

from tieline.doctor.models import Finding, failed, passed
from tieline.expressions.errors import SandboxStartFailed
from tieline.expressions.limits import Limits
from tieline.expressions.models import Done, Result, Task
from tieline.expressions.sandbox import SandboxPool

HANDLER = "tieline.doctor.sandboxed:evaluate"
_HARMLESS = b"$sum([1..10])"
_EXPECTED = b"55"
# Tail calls take no stack, so only the limits on steps and time can end this.
_ATTACK = b"( $f := function($n) { $f($n + 1) }; $f(0) )"
_SHARED = "doctor"


async def check_sandbox(limits: Limits) -> Finding:
    """Run a harmless expression, an endless one, and the harmless one again."""
    pool = SandboxPool(handler=HANDLER, limits=limits)
    try:
        await pool.start()
        started = time.perf_counter()
        results = await pool.run(
            {_SHARED: b""}, [Task(_SHARED, body) for body in (_HARMLESS, _ATTACK, _HARMLESS)]
        )
        return judge_sandbox(results, time.perf_counter() - started, limits)
    except SandboxStartFailed as error:
        return failed("sandbox", error.message, "Read the message above; reinstall Tieline.")
    finally:
        await pool.close()


def judge_sandbox(results: list[Result], seconds: float, limits: Limits) -> Finding:
    """The finding for the results of the three expressions."""
    before, attack, after = results
    for result in (before, after):
        if not isinstance(result, Done) or result.body != _EXPECTED:
            return failed(
                "sandbox",
                f"It does not evaluate a simple expression: {_reason(result)}.",
                "Raise TIELINE_SANDBOX_MEMORY_BYTES, or reinstall Tieline.",
            )
    if isinstance(attack, Done) or seconds > 3 * limits.task_seconds + 1:
        return failed(
            "sandbox",
            "It did not stop an endless expression in time.",
            "Do not run expressions that others wrote; reinstall Tieline.",
        )
    return passed("sandbox", f"It evaluates, and contained an attack in {seconds * 1000:.0f} ms.")


def _reason(result: Result) -> str:
    return f"got {result.body[:80]!r}" if isinstance(result, Done) else result.message
