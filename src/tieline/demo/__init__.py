"""The demo: Tieline and an invented utility whose programs send it events.

It starts Tieline on a directory of its own, posts a seeded data set through the public API as an
ERP would, checks the result against what the generator knows, and explains it.
"""

from __future__ import annotations

from tieline.settings import Settings


def run(settings: Settings, *, once: bool) -> int:
    """Run the demo; the exit code.

    0 when everything is as it must be: at once with `once`, otherwise after Ctrl-C or SIGTERM. 1
    when a result differs from what the data set demands, 130 when interrupted before the result.
    Raises `DemoPlaceTaken` when directory or port cannot be used.
    """
    # Imported here, so that the data set can be used without a server.
    from tieline.demo.performance import run_demo

    return run_demo(settings, once=once)
