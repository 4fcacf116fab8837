"""Run one command line: parse it, carry it out, turn failures into one line and an exit code.

Exit codes: 0 done; 1 something failed (the database does not answer, a check of `doctor` fails);
2 what was typed or configured cannot be used; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from cyclopts import CycloptsError

from tieline.cli.commands import app
from tieline.kit.errors import TielineError

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130


def run(arguments: Sequence[str]) -> int:
    """The exit code of a command line, after carrying it out."""
    try:
        result = app(
            list(arguments), result_action="return_value", exit_on_error=False, print_error=False
        )
        sys.stdout.flush()
    except CycloptsError as error:
        _complain(f"{_sentence(str(error))} See `{_help_command(error)}`.")
        return WRONG_USAGE
    except TielineError as error:
        _complain(error.message)
        return _exit_code(error)
    except BrokenPipeError:
        # Whoever read our output left. Nothing can be said to them, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        _complain(f"{error.filename or 'tieline'}: {error.strerror or error}.")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return result if isinstance(result, int) else 0


def _exit_code(error: TielineError) -> int:
    from tieline.settings import InvalidSettings

    if error.http_status < 500 or isinstance(error, InvalidSettings):
        return WRONG_USAGE
    return FAILED


def _sentence(text: str) -> str:
    line = " ".join(text.split())
    return line if line.endswith((".", "?", "!")) else f"{line}."


def _help_command(error: CycloptsError) -> str:
    chain = [name for name in error.command_chain or () if name != "tieline"]
    return " ".join(["tieline", *chain, "--help"])


def _complain(message: str) -> None:
    for line in message.splitlines():
        print(f"tieline: {line}", file=sys.stderr)
