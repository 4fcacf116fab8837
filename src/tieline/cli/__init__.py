"""What a person types: the `tieline` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line of this process and exit with its code."""
    # Imported here, so that importing the package costs nothing.
    from tieline.cli.run import run

    sys.exit(run(sys.argv[1:]))
