from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.expressions.models import Done, Failed, FailureReason, Task
from tieline.expressions.progress import Progress
from tieline.expressions.shared import KnownBlobs
from tieline.expressions.wire import (
    BATCH_HEADER,
    FRAME_HEADER,
    MAX_FRAME_BYTES,
    Batch,
    FrameReader,
    Status,
    StreamError,
    decode_batch,
    encode_batch,
    encode_frame,
    to_result,
)


@given(
    st.lists(st.tuples(st.sampled_from([1, 2, 3]), st.binary(max_size=50)), max_size=20),
    st.integers(min_value=1, max_value=17),
)
def test_frames_survive_any_cutting(frames: list[tuple[int, bytes]], size: int) -> None:
    stream = b"".join(encode_frame(status, body) for status, body in frames)
    reader = FrameReader()
    received = []
    for start in range(0, len(stream), size):
        received += reader.feed(stream[start : start + size])
    assert received == frames


@pytest.mark.parametrize(
    "header",
    [FRAME_HEADER.pack(MAX_FRAME_BYTES + 1, Status.DONE), FRAME_HEADER.pack(1, 200)],
)
def test_nonsense_is_recognised(header: bytes) -> None:
    with pytest.raises(StreamError):
        FrameReader().feed(header)


def test_a_batch_survives_the_way() -> None:
    batch = Batch(["old"], {"new": b"\x00"}, [Task("new", b"body")])
    message = encode_batch(batch)
    assert BATCH_HEADER.unpack_from(message)[0] == len(message) - BATCH_HEADER.size
    assert decode_batch(message[BATCH_HEADER.size :]) == batch


def test_frames_become_results() -> None:
    assert to_result(Status.DONE, b"x") == Done(b"x")
    assert to_result(Status.HANDLER_ERROR, b"no") == Failed(FailureReason.HANDLER_ERROR, "no")
    assert to_result(Status.OUT_OF_MEMORY, b"no") == Failed(FailureReason.OUT_OF_MEMORY, "no")
    with pytest.raises(StreamError):
        to_result(Status.READY, b"")


def test_known_blobs_forget_the_least_recently_used() -> None:
    known = KnownBlobs(max_blobs=2)
    shared = {name: name.encode() for name in "abc"}
    assert known.prepare(shared, ["a", "b"]) == ([], {"a": b"a", "b": b"b"})
    assert known.prepare(shared, ["a"]) == ([], {})
    assert known.prepare(shared, ["c"]) == (["b"], {"c": b"c"})
    assert known.prepare(shared, ["b"]) == (["a"], {"b": b"b"})


def test_known_blobs_are_bounded_in_bytes_but_never_forget_what_is_needed() -> None:
    known = KnownBlobs(max_bytes=3)
    shared = {"a": b"aa", "b": b"bb", "c": b"cccc"}
    assert known.prepare(shared, ["a"]) == ([], {"a": b"aa"})
    assert known.prepare(shared, ["a", "b"]) == ([], {"b": b"bb"})
    assert known.prepare(shared, ["c", "c"]) == (["a", "b"], {"c": b"cccc"})


def test_an_unknown_name_changes_nothing() -> None:
    known = KnownBlobs()
    with pytest.raises(KeyError):
        known.prepare({"a": b"a"}, ["a", "b"])
    assert known.prepare({"a": b"a"}, ["a"]) == ([], {"a": b"a"})


def test_progress_is_seen_on_the_other_side() -> None:
    mine = Progress.create()
    other = Progress(os.dup(mine.descriptor))
    assert mine.task is None
    other.task = 0
    assert mine.task == 0
    other.task = 41
    assert mine.task == 41
    other.task = None
    assert mine.task is None
    other.close()
    mine.close()
