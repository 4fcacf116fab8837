from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.fileproxy.answers import LONGEST_TEXT, Binary, Marks, StepAnswer, template_context
from tieline.fileproxy.configuration import Expression, with_variables, without_marks
from tieline.fileproxy.errors import FileExtractionFailed
from tieline.fileproxy.excerpts import shown
from tieline.fileproxy.extraction import decoded

LONG = "x" * (LONGEST_TEXT + 1)


def answer(body: object) -> StepAnswer:
    return StepAnswer(200, {"x-a": "1"}, body)


def test_templates_see_a_file_only_if_it_is_text() -> None:
    answers = [
        answer(Binary(b"text")),
        answer(Binary(b"\xff")),
        answer(Binary(None)),
        answer([LONG]),
    ]

    seen = template_context({"id": "1"}, answers)

    assert [step["body"] for step in seen["steps"]] == ["text", None, None, [LONG]]
    assert seen["steps"][0]["headers"] == {"x-a": "1"}
    assert seen["steps"][0]["statusCode"] == 200
    assert seen["params"] == {"id": "1"}


def test_expressions_get_marks_for_files_and_long_texts() -> None:
    marks = Marks()

    seen = marks.context({}, [answer({"a": [LONG, "short", 1]}), answer(Binary(b"file"))])

    [long, short, number] = seen["steps"][0]["body"]["a"]
    file = seen["steps"][1]["body"]
    assert (short, number) == ("short", 1)
    assert len(long) < 100
    assert marks.behind(long) == LONG
    assert marks.behind(file) == Binary(b"file")
    assert marks.behind(f"<{long}|{long}>") == f"<{LONG}|{LONG}>"
    assert marks.behind("anything else") == "anything else"
    with pytest.raises(ValueError, match="joined"):
        marks.behind(f"<{file}>")


def test_a_mark_cannot_be_guessed_and_is_in_no_message() -> None:
    marks = Marks()
    [guess] = [Marks().context({}, [answer(LONG)])["steps"][0]["body"]]
    mark = marks.context({}, [answer(LONG)])["steps"][0]["body"]

    assert marks.behind(guess) == guess
    assert marks.hidden(f"about {mark}") == "about \u2045file 0\u2046"


class TestVariables:
    def test_an_expression_gets_a_mark_for_what_it_names(self) -> None:
        expression = Expression.read(r'"{{env.a}}-" & "\\{{ env.b.c }}" & "{{env.a}}"')

        assert expression.variables == ("a", "b.c")
        assert "env" not in expression.source
        assert with_variables(json.loads(expression.source.split(" & ")[0]), {"a": "1"}) == "1-"
        assert without_marks(expression.source) == '"{{env.a}}-" & "{{env.b.c}}" & "{{env.a}}"'

    def test_what_only_looks_like_a_reference_stays(self) -> None:
        assert with_variables("{{env.a}} \u2045 a\u2046", {"a": "secret"}) == (
            "{{env.a}} \u2045 a\u2046"
        )


class TestBase64:
    @given(st.binary())
    def test_every_way_to_write_it_is_read(self, content: bytes) -> None:
        plain = base64.b64encode(content)

        for written in (
            plain,
            plain.rstrip(b"="),
            base64.urlsafe_b64encode(content),
            base64.encodebytes(content),
            b" data:application/pdf;base64," + plain,
            b"data:," + plain,
        ):
            assert decoded(written) == content

    @pytest.mark.parametrize("text", [b"*", b"a", b"ab=cd", b"data:x", "Zähler".encode()])
    def test_anything_else_is_no_file(self, text: bytes) -> None:
        with pytest.raises(FileExtractionFailed):
            decoded(text)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"no  such\n key hunter-2!", "no such key ...!"),
        (b"\xff ok", "\ufffd ok"),
        (b"Authorization: Bearer abc.def", "Authorization: Bearer ..."),
        (b"pin 12", "pin 12"),
        (b"x" * 600, "x" * 500 + "..."),
    ],
)
def test_what_others_write_is_shown_without_secrets(body: bytes, text: str) -> None:
    assert shown(body, ["hunter-2", "12", ""]) == text
