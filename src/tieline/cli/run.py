"""Run one command line: parse it, carry it out, turn failures into one line and an exit code.

Exit codes: 0 done; 1 something failed (the database does not answer, a check of `doctor` fails);
2 what was typed or configured cannot be used; 130 interrupted. Where 2 says that a plan has
something to do, 1 stands for whatever cannot be used too.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence

from cyclopts import CycloptsError, UnknownCommandError, UnusedCliTokensError

from tieline.cli.commands import app
from tieline.kit.errors import TielineError

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130


def run(arguments: Sequence[str]) -> int:
    """The exit code of a command line, after carrying it out."""
    wrong_usage = FAILED if _only_plans(arguments) else WRONG_USAGE
    try:
        result = app(
            list(arguments), result_action="return_value", exit_on_error=False, print_error=False
        )
        sys.stdout.flush()
    except CycloptsError as error:
        _complain(f"{_sentence(_wrong_usage(error))} See `{_help_command(error)}`.")
        return wrong_usage
    except TielineError as error:
        _complain(error.message)
        return wrong_usage if _exit_code(error) == WRONG_USAGE else FAILED
    except BrokenPipeError:
        # Whoever read our output left. Nothing can be said to them, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        _complain(_of_the_system(error))
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        refusal = _of_the_database(error)
        if refusal is None:
            raise
        _complain(refusal)
        return FAILED
    return result if isinstance(result, int) else 0


def _only_plans(arguments: Sequence[str]) -> bool:
    """Whether the command is one that says by 2 that there is something to do."""
    command = arguments[0] if arguments else ""
    return command == "plan" or (command == "apply" and "--dry-run" in arguments)


def _wrong_usage(error: CycloptsError) -> str:
    tokens = [str(token) for token in error.unused_tokens or ()]
    if isinstance(error, UnusedCliTokensError) and tokens:
        return f"Nothing is expected where {' '.join(map(repr, tokens))} stands"
    if isinstance(error, UnknownCommandError) and tokens and tokens[0].startswith("-"):
        return f"{tokens[0]!r} stands where a command is expected: options come after the command"
    return str(error)


def _of_the_system(error: OSError) -> str:
    reason = error.strerror or str(error)
    if error.filename is not None:
        mend = "Let this account use it, or name" if isinstance(error, PermissionError) else "Name"
        return f"{error.filename}: {reason}. {mend} another --data-dir."
    if isinstance(error, socket.gaierror):
        # The address is not repeated: with a special character in its password left as it is,
        # what counts as the name of the host is a part of the password.
        return (
            f"The host in TIELINE_DATABASE_URL cannot be found ({reason}). Correct it, and write "
            "special characters of the password as in `%40`."
        )
    return f"The operating system refuses: {reason}."


def _of_the_database(error: Exception) -> str | None:
    """What the database says, if it cannot be used: its user may not, or its tables are others."""
    from asyncpg import (
        DuplicateTableError,
        InsufficientPrivilegeError,
        ReadOnlySQLTransactionError,
    )

    refusals = (DuplicateTableError, InsufficientPrivilegeError, ReadOnlySQLTransactionError)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, refusals):
            return (
                f"The database refuses: {cause}. TIELINE_DATABASE_URL must name a database of "
                "Tieline's own and a user who may create tables there."
            )
        cause = cause.__cause__
    return None


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
