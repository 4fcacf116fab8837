"""Answers as they arrive, in whatever pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.egress.answers import LARGEST_HEADERS, IncomingAnswer
from tieline.egress.errors import BrokenResponse, EgressError, ResponseTooLarge, Unreachable

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Empty:\r\nX-A: 1\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nX-Trailer: t\r\n\r\n"
)
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + PLAIN


def fed(data: bytes, cuts: tuple[int, ...] = (), method: str = "GET") -> IncomingAnswer:
    answer = IncomingAnswer(method, "a.example:80")
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for begin, end in pairwise(places):
        answer.feed(data[begin:end])
    return answer


def body(answer: IncomingAnswer) -> bytes:
    return b"".join(answer.take() for _ in range(len(answer.pieces)))


@pytest.mark.parametrize("data", [PLAIN, CHUNKED, INTERIM])
@given(cuts=st.lists(st.integers(0, 500), max_size=20))
def test_it_does_not_matter_how_an_answer_is_cut(data: bytes, cuts: list[int]) -> None:
    answer = fed(data, tuple(cuts))

    assert (answer.ready, answer.complete, answer.reusable) == (True, True, True)
    assert body(answer) == b"hello"
    assert answer.unread_bytes == 0


@given(st.binary(max_size=300), st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", PLAIN, CHUNKED]))
def test_whatever_comes_is_an_answer_or_an_error_of_ours(data: bytes, before: bytes) -> None:
    answer = IncomingAnswer("GET", "a.example:80")
    error: EgressError | None = None
    try:
        answer.feed(before)
        answer.feed(data)
        answer.end()
    except EgressError as raised:
        error = raised

    assert answer.complete if error is None else "a.example:80" in error.message


def test_headers_are_as_they_came() -> None:
    answer = fed(PLAIN)

    assert answer.status == 200
    assert answer.headers == [("content-length", "5"), ("x-empty", ""), ("x-a", "1")]
    assert answer.declared_bytes == 5


def test_trailers_and_interim_answers_say_nothing() -> None:
    assert [name for name, _ in fed(CHUNKED).headers] == ["transfer-encoding"]
    assert fed(INTERIM).headers == fed(PLAIN).headers


def test_an_answer_to_head_has_no_body_whatever_it_announces() -> None:
    answer = fed(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", method="HEAD")

    assert (answer.complete, answer.reusable, answer.declared_bytes) == (True, True, None)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_some_answers_have_none_by_their_status(status: bytes) -> None:
    answer = fed(b"HTTP/1.1 " + status + b"\r\nX-A: b\r\n\r\n")

    assert (answer.complete, answer.reusable, body(answer)) == (True, True, b"")


@pytest.mark.parametrize(
    "data",
    [
        PLAIN.replace(b"X-A: 1", b"Connection: close"),
        PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"),
        PLAIN + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
        PLAIN + b"x",
        CHUNKED + b"HTTP/1.1",
    ],
)
def test_a_connection_of_which_one_cannot_be_sure_is_not_used_again(data: bytes) -> None:
    answer = fed(data)

    assert (answer.complete, answer.reusable, body(answer)) == (True, False, b"hello")


def test_what_comes_after_the_end_spoils_the_connection() -> None:
    answer = fed(PLAIN)
    answer.feed(b"HTTP/1.1 200 OK\r\n")

    assert (answer.reusable, len(answer.headers), body(answer)) == (False, 3, b"hello")


def test_more_than_was_asked_for_with_head_spoils_it_too() -> None:
    answer = fed(PLAIN, method="HEAD")

    assert (answer.complete, answer.reusable, body(answer)) == (True, False, b"")


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    answer = fed(b"HTTP/1.1 200 OK\r\n\r\nhello")
    assert not answer.complete
    answer.end()

    assert (answer.complete, answer.reusable, body(answer)) == (True, False, b"hello")


def test_but_not_with_one_that_is_broken() -> None:
    with pytest.raises(BrokenResponse, match="breaks off"):
        fed(b"HTTP/1.1 200 OK\r\n\r\nhello").end(broken=True)


@pytest.mark.parametrize(
    "data", [PLAIN[:-1], CHUNKED[:-2], PLAIN[:10], b"HTTP/1.1 100 Continue\r\n\r\n"]
)
def test_an_answer_that_breaks_off_is_broken(data: bytes) -> None:
    answer = fed(data)

    with pytest.raises(BrokenResponse, match="breaks off"):
        answer.end()


def test_no_answer_at_all_is_something_else() -> None:
    with pytest.raises(Unreachable, match="without an answer"):
        fed(b"").end()


@pytest.mark.parametrize(
    "data",
    [
        b"<html>HTTP/0.9 answers so</html>",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.2 200 OK\r\n\r\n",
        b"HTTP/1.1 42 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX a: b\r\n\r\n",
    ],
)
def test_what_could_be_read_in_two_ways_is_not_read(data: bytes) -> None:
    with pytest.raises(BrokenResponse):
        fed(data)


@pytest.mark.parametrize(
    ("begin", "again"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-A: ", b"a" * 1_000),
        (b"HTTP/1.1 200 ", b"O" * 1_000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x" * 1_000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", b"X: y\r\n"),
    ],
)
def test_what_surrounds_a_body_cannot_go_on_forever(begin: bytes, again: bytes) -> None:
    answer = fed(begin)

    def go_on() -> None:
        for _ in range(10 * LARGEST_HEADERS):
            answer.feed(again)

    with pytest.raises(ResponseTooLarge):
        go_on()


def test_a_body_in_chunks_of_one_byte_is_fine() -> None:
    answer = fed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(50_000):
        answer.feed(b"1\r\nx\r\n")
    answer.feed(b"0\r\n\r\n")

    assert answer.complete
    assert body(answer) == b"x" * 50_000
