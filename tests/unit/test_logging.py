"""Log lines: machine-readable, from every library alike, and free of secrets."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from tieline.identity.keys import display_prefix, new_key
from tieline.identity.models import KeyKind
from tieline.kit.secrecy import hide_secrets
from tieline.logging import REDACTED, configure_logging


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where log lines of the test go; the process's own logging is restored afterwards."""
    root = logging.getLogger()
    handlers, level, before = root.handlers[:], root.level, structlog.get_config()
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**before)
    structlog.contextvars.clear_contextvars()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_carries_level_logger_time_and_context(stream: io.StringIO) -> None:
    configure_logging("info", "json", stream)
    structlog.contextvars.bind_contextvars(request_id="r-1")

    structlog.get_logger("tieline.test").info("event.accepted", count=3)

    (line,) = lines(stream)
    assert line["event"] == "event.accepted"
    assert (line["level"], line["logger"], line["count"]) == ("info", "tieline.test", 3)
    assert line["request_id"] == "r-1"
    assert line["timestamp"].endswith("Z")


def test_what_is_less_severe_than_the_level_is_left_out(stream: io.StringIO) -> None:
    configure_logging("warning", "json", stream)

    structlog.get_logger("tieline.test").info("quiet")
    structlog.get_logger("tieline.test").warning("loud")

    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_messages_of_libraries_take_the_same_way(stream: io.StringIO) -> None:
    configure_logging("info", "json", stream)
    structlog.contextvars.bind_contextvars(request_id="r-2")

    logging.getLogger("some.library").warning("lost %s", "something")

    (line,) = lines(stream)
    assert line["event"] == "lost something"
    assert (line["level"], line["logger"]) == ("warning", "some.library")
    assert line["request_id"] == "r-2"


@pytest.mark.parametrize("name", ["pgqueuer", "alembic.runtime", "uvicorn.error"])
def test_everyday_messages_of_the_machinery_are_left_out(stream: io.StringIO, name: str) -> None:
    configure_logging("debug", "json", stream)

    logging.getLogger(name).info("everyday")
    logging.getLogger(name).warning("worrying")

    assert [line["event"] for line in lines(stream)] == ["worrying"]


def test_the_console_form_is_for_people(stream: io.StringIO) -> None:
    configure_logging("info", "console", stream)

    structlog.get_logger("tieline.test").info("event.accepted", count=3)

    assert "event.accepted" in stream.getvalue()
    assert "count=3" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_auto_means_json_where_there_is_no_terminal(stream: io.StringIO) -> None:
    configure_logging("info", "auto", stream)

    structlog.get_logger("tieline.test").info("event.accepted")

    assert lines(stream)[0]["event"] == "event.accepted"


def test_a_key_is_hidden_wherever_it_stands(stream: io.StringIO) -> None:
    key = new_key(KeyKind.SERVICE)
    configure_logging("info", "json", stream)

    structlog.get_logger("tieline.test").info(
        f"got {key}", header=f"Bearer {key}", nested={"list": [key, {"deep": key}]}
    )
    logging.getLogger("some.library").warning("got %s", key)

    assert key not in stream.getvalue()
    assert key.split("_")[2] not in stream.getvalue()


def test_a_key_in_a_traceback_is_hidden(stream: io.StringIO) -> None:
    key = new_key(KeyKind.USER)
    configure_logging("info", "json", stream)

    try:
        int(key)
    except ValueError:
        structlog.get_logger("tieline.test").exception("failed")
        logging.getLogger("some.library").exception("failed")

    first, second = lines(stream)
    for line in (first, second):
        assert "ValueError: invalid literal for int() with base 10: 'tl_user_" in line["exception"]
    assert key not in stream.getvalue()


@pytest.mark.parametrize(
    "name", ["password", "client_secret", "access_token", "Authorization", "apiKey", "cookie"]
)
def test_fields_named_like_secrets_are_hidden(stream: io.StringIO, name: str) -> None:
    configure_logging("info", "json", stream)

    structlog.get_logger("tieline.test").info("called", headers={name: "hunter2"}, **{name: 42})

    (line,) = lines(stream)
    assert line[name] == REDACTED
    assert line["headers"] == {name: REDACTED}


def test_values_of_other_types_are_searched_too(stream: io.StringIO) -> None:
    key = new_key(KeyKind.SERVICE)
    configure_logging("info", "json", stream)

    structlog.get_logger("tieline.test").info("failed", error=ValueError(key))

    assert key not in stream.getvalue()
    assert lines(stream)[0]["error"].startswith("tl_service_")


def test_a_value_that_contains_itself_does_not_end_logging(stream: io.StringIO) -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    configure_logging("info", "json", stream)

    structlog.get_logger("tieline.test").info("odd", value=endless)

    assert lines(stream)[0]["event"] == "odd"


def test_the_beginning_of_a_key_that_lists_show_stays_readable() -> None:
    prefix = display_prefix(new_key(KeyKind.SERVICE))

    assert hide_secrets(f"revoked {prefix}", REDACTED) == f"revoked {prefix}"


def test_a_password_in_an_address_is_hidden() -> None:
    text = hide_secrets("cannot reach postgresql://me:hunter2@db.example:5432/tieline", REDACTED)

    assert text == f"cannot reach postgresql://me:{REDACTED}@db.example:5432/tieline"
