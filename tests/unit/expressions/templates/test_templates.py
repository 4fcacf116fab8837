"""What templates become. The cases of `SAME_AS_HANDLEBARS` were checked against handlebars.js."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.expressions.templates.errors import TemplateFailed, TemplateInvalid
from tieline.expressions.templates.escaping import PlainText
from tieline.expressions.templates.models import Gap
from tieline.expressions.templates.reading import LONGEST, parse
from tieline.expressions.templates.rendering import LONGEST_RESULT, render

CONTEXT: dict[str, Any] = {
    "n": "root",
    "params": {"id": 'a b&c"d', "n": 5, "t": True, "f": False, "zero": 0, "empty": "", "nul": None},
    "list": ["x", "y", "z"],
    "none": [],
    "object": {},
    "map": {"k1": "v1", "k2": "v2"},
    "steps": [
        {
            "body": {
                "fileId": "F1",
                "docs": [{"id": 1, "tags": ["p", "q"]}, {"id": 2, "tags": []}],
                "x-y": "dash",
                "a b": "space",
            },
            "headers": {"content-type": "j"},
            "statusCode": 200,
        }
    ],
}

SAME_AS_HANDLEBARS = [
    ("", ""),
    ("plain", "plain"),
    ("{{params.id}}", 'a b&c"d'),
    ("{{{params.id}}}", 'a b&c"d'),
    ("{{&params.id}}", 'a b&c"d'),
    ("{{ params.n }}", "5"),
    ("{{params.t}}", "true"),
    ("{{params.nul}}|", "|"),
    ("{{params.missing.deeper}}|", "|"),
    ("{{steps.0.body.fileId}}", "F1"),
    ("{{steps.[0].body.fileId}}", "F1"),
    ("{{steps.0.body.x-y}}", "dash"),
    ("{{steps.0.body.[a b]}}", "space"),
    ("{{steps.0.headers.content-type}}", "j"),
    ("{{list.length}}{{none.length}}", "30"),
    ("{{this.params.n}}{{./params.n}}{{params/n}}", "555"),
    # escapes and comments
    (r"\{{env.key}} z", "{{env.key}} z"),
    (r"\{{{env.key}}} z", "{{{env.key}}} z"),
    (r"\\{{params.n}}", "\\5"),
    (r"x\y {{params.n}}", r"x\y 5"),
    ("{{! a comment }}x", "x"),
    ("{{!-- with }} in it --}}x", "x"),
    ("{{!}}x{{!----}}y", "xy"),
    ("}} { {params} }", "}} { {params} }"),
    # blocks
    ("{{#if params.t}}A{{else}}B{{/if}}", "A"),
    ("{{#if params.f}}A{{else}}B{{/if}}", "B"),
    ("{{#if params.zero}}A{{else}}B{{/if}}", "B"),
    ("{{#if none}}A{{else}}B{{/if}}", "B"),
    ("{{#if object}}A{{else}}B{{/if}}", "A"),
    ("{{#if params.empty}}A{{else if params.n}}C{{else}}B{{/if}}", "C"),
    ("{{#if params.empty}}A{{else if params.f}}C{{else}}B{{/if}}", "B"),
    ("{{#unless params.f}}A{{/unless}}{{#unless params.t}}C{{^}}D{{/unless}}", "AD"),
    ("{{#each list}}{{@index}}{{this}}{{#unless @last}},{{/unless}}{{/each}}", "0x,1y,2z"),
    ("{{#each map}}{{@key}}={{.}}{{#if @first}};{{/if}}{{/each}}", "k1=v1;k2=v2"),
    ("{{#each none}}x{{else}}nothing{{/each}}", "nothing"),
    ("{{#each params.missing}}x{{else}}nothing{{/each}}", "nothing"),
    (
        "{{#each steps.0.body.docs}}{{#each tags}}{{this}}{{../id}}{{../../n}}{{@root.n}};{{/each}}"
        "{{/each}}",
        "p1rootroot;q1rootroot;",
    ),
    ("{{#with steps.0.body}}{{fileId}}{{../n}}{{/with}}", "F1root"),
    ("{{#with params.missing}}x{{else}}no{{/with}}", "no"),
    # white space
    ("a {{~params.n~}} b", "a5b"),
    ("{{~{params.n}~}} x", "5x"),
    ("a {{~#if params.t~}} b {{~/if~}} c", "abc"),
    ("1\n{{#if params.t}}\n  in\n{{/if}}\n2\n", "1\n  in\n2\n"),
    ("{{#if params.t}}\nA\n{{else}}\nB\n{{/if}}\n", "A\n"),
    ("  {{! c }}  \nx", "x"),
    ("a\n  {{#each list}}\n  - {{this}}\n  {{/each}}\nb", "a\n  - x\n  - y\n  - z\nb"),
    ("x {{#if params.t}}\nA{{/if}} y\n", "x \nA y\n"),
    ("\r\n{{#if params.t}}\r\nA\r\n{{/if}}\r\nB", "\r\nA\r\nB"),
]


def rendered(source: str, context: Any = CONTEXT) -> str:
    return render(parse(source), context, PlainText()).fill({})


@pytest.mark.parametrize(("source", "text"), SAME_AS_HANDLEBARS)
def test_a_template_becomes_what_handlebars_makes_of_it(source: str, text: str) -> None:
    assert rendered(source) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{list}}", '["x","y","z"]'),  # [object Object] would help nobody
        ("{{map}}", '{"k1":"v1","k2":"v2"}'),
        ('{"a":{"b":{{params.n}}}}', '{"a":{"b":5}}'),  # braces of JSON right behind a tag
        ("{{../../n}}{{@index}}{{list.99}}{{list.-1}}{{params.id.length}}|", "|"),
        ("{{#with list}}{{1}}{{/with}}", "y"),
        ("{{#each list}}{{#with this}}{{@index}}{{/with}}{{/each}}", "012"),
        ("{{..}}|{{#each map}}{{#each ..}}{{@key}} {{/each}}{{/each}}", None),
    ],
)
def test_where_it_differs_it_says_what_there_is(source: str, text: str | None) -> None:
    if text is None:
        assert rendered(source).startswith("|n params ")
    else:
        assert rendered(source) == text


@pytest.mark.parametrize(
    ("source", "character"),
    [
        ("{{", 1),
        ("a{{b", 2),
        ("{{a {{b}}", 1),
        ("{{#if a}}", 1),
        ("x{{/if}}", 2),
        ("{{else}}", 1),
        ("{{#if a}}{{else}}{{else}}{{/if}}", 18),
        ("{{#if a}}x{{/each}}", 11),
        ("{{#if}}x{{/if}}", 1),
        ("{{#if a b}}x{{/if}}", 1),
        ("{{#each a as |x|}}{{/each}}", 1),
        ("{{#foo}}x{{/foo}}", 1),
        ("{{^foo}}x{{/foo}}", 1),
        ("{{lookup a b}}", 1),
        ("{{> partial}}", 1),
        ("{{#> partial}}{{/partial}}", 1),
        ("{{* decorator}}", 1),
        ("{{{{raw}}}}x{{{{/raw}}}}", 1),
        ("{{}}", 1),
        ("{{a..b}}", 1),
        ("{{a.}}", 1),
        ("{{a[0]}}", 1),
        ("{{'text'}}", 1),
        ("{{@level}}", 1),
        ("{{#if env.secret}}x{{/if}}", 1),
        ("{{#if a}}" * 33, 289),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(source: str, character: int) -> None:
    with pytest.raises(TemplateInvalid) as caught:
        parse(source, kept=("env",))

    assert f"at character {character} " in caught.value.message


def test_a_template_has_a_limit() -> None:
    with pytest.raises(TemplateInvalid):
        parse("x" * (LONGEST + 1))


@pytest.mark.parametrize(
    "source",
    [
        "{{#each a}}{{#each ../a}}{{#each ../../a}}x{{/each}}{{/each}}{{/each}}",
        "{{#each a}}{{#each ../a}}{{/each}}{{/each}}",
        "{{#each a}}{{../text}}{{/each}}",
    ],
)
def test_a_loop_that_grows_without_bound_ends_soon(source: str) -> None:
    context = {"a": list(range(500)), "text": "x" * (LONGEST_RESULT // 400)}

    with pytest.raises(TemplateFailed):
        rendered(source, context)


class TestKeptNames:
    """Names such as `env.password` are for somebody else, who fills the gaps."""

    @pytest.mark.parametrize(
        "source",
        [r"\{{env.key}}", "{{env.key}}", "{{ env.key }}", r"\{{ env.key }}", "{{{env.key}}}"],
    )
    def test_a_kept_name_is_a_gap(self, source: str) -> None:
        template = parse(f"<{source}>", kept=("env",))

        result = render(template, {"env": {"key": "from outside"}}, PlainText())

        assert template.kept_names() == ["env.key"]
        assert [type(piece) for piece in result.pieces] == [str, Gap, str]
        assert result.fill({"env.key": "value"}) == "<value>"

    def test_what_a_value_says_is_never_a_gap(self) -> None:
        context = {"x": "{{env.key}}", "env": {"key": "from outside"}}
        template = parse(r"{{x}}{{{x}}}\{{x}}{{this.env.key}}", kept=("env",))

        assert template.kept_names() == []
        result = render(template, context, PlainText()).fill({"env.key": "secret"})
        assert result == "{{env.key}}{{env.key}}{{x}}from outside"

    def test_a_value_for_a_gap_is_not_read_again(self) -> None:
        result = render(parse("{{env.a}}", kept=("env",)), {}, PlainText())

        assert result.fill({"env.a": "{{env.b}}{{params.id}}"}) == "{{env.b}}{{params.id}}"

    def test_a_gap_without_a_value_is_named(self) -> None:
        result = render(parse("{{env.a}}", kept=("env",)), {}, PlainText())

        with pytest.raises(TemplateFailed, match=r"env\.a"):
            result.fill({})

    def test_names_within_blocks_are_found(self) -> None:
        source = "{{#if a}}{{env.x}}{{else}}{{#each b}}{{env.y}}{{/each}}{{/if}}{{env.x}}"

        assert parse(source, kept=("env",)).kept_names() == ["env.x", "env.y"]


@given(st.text(alphabet="{}#/^!&>~\\ .-@[]ab\n", max_size=40))
def test_any_text_is_read_or_refused_in_words(source: str) -> None:
    try:
        template = parse(source, kept=("env",))
    except TemplateInvalid:
        return
    render(template, {"a": {"b": [1]}, "b": "x"}, PlainText()).fill({})


@given(st.text(), st.text())
def test_a_value_never_changes_what_is_around_it(before: str, value: str) -> None:
    before = before.replace("{{", "").rstrip("\\{")

    assert rendered(f"{before}{{{{v}}}}.", {"v": value}) == f"{before}{value}."
