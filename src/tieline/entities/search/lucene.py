"""The query language: Lucene's syntax, read into conditions.

Without `AND` or `OR` between them, the parts of a query are alternatives, unless the caller says
otherwise; `+` makes a part obligatory, `-` and `NOT` exclude it. Boosts and fuzziness are read and
have no effect.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from luqum import tree
from luqum.exceptions import ParseError
from luqum.thread import parse as parse_lucene

from tieline.entities.search.conditions import (
    AllOf,
    AnyOf,
    Condition,
    Everything,
    Exists,
    HasPhrase,
    Not,
    Wildcard,
)
from tieline.entities.search.errors import InvalidQuery
from tieline.entities.search.lexemes import words_of
from tieline.entities.search.terms import Field, pattern_condition, range_condition, text_condition

MAX_QUERY_LENGTH = 10_000
MAX_CLAUSES = 1_024
MAX_PATTERN_LENGTH = 256
_MAX_NESTING = 60

_OPERATORS = re.compile(
    r"""(?P<kept>"(?:\\.|[^"\\])*"|\\.)|(?P<and>(?<!\S)&&(?!\S))|(?P<or>(?<!\S)\|\|(?!\S))"""
    r"""|(?P<not>(?<![^\s(])!(?=\S))|(?P<quote>(?<![^\s(:\[{])')""",
    re.DOTALL,
)
_SPELLED = {"and": "AND", "or": "OR", "not": "NOT ", "quote": "\\'"}
_HINT = 'Put text with special characters in double quotes, or a "\\" before each of them.'


@dataclass(frozen=True, slots=True)
class _Scope:
    """Where the parts of a query look; `named` within `field:(...)`."""

    fields: tuple[Field, ...] = (Field(None),)
    named: bool = False


def parse_query(
    text: str,
    now: datetime,
    *,
    fields: Sequence[str] = (),
    all_required: bool = False,
    source: str = "q",
) -> Condition:
    """The condition that a query states.

    `fields` are where words without a field of their own are looked for, `all_required` makes AND
    the operator between parts. Raises `InvalidQuery`, which names `source` and the position.
    """
    if len(text) > MAX_QUERY_LENGTH:
        raise InvalidQuery(f"{source}: longer than {MAX_QUERY_LENGTH} characters. Shorten it.")
    if not text.strip():
        return Everything()
    reader = _Reader(now, source, all_required=all_required)
    try:
        _check_nesting(text, source)
        parsed = parse_lucene(_OPERATORS.sub(_spell_out, text))
        return reader.read(parsed, _default_scope(fields, source))
    except ParseError as error:
        raise InvalidQuery(f"{source}: {_fault(error, text)}. {_HINT}") from None
    except (ArithmeticError, ValueError):
        # The only numbers that the parser itself reads are those behind ^ and ~.
        raise InvalidQuery(f"{source}: a number behind ^ or ~ is none. {_HINT}") from None
    except RecursionError:
        raise _too_deep(source) from None


def _spell_out(match: re.Match[str]) -> str:
    return _SPELLED.get(match.lastgroup or "", match.group())


def _fault(error: ParseError, text: str) -> str:
    message = str(error).removeprefix("Syntax error in input : ").strip()
    if "at the end" in message:
        return f"incomplete at position {len(text)}, something is missing or not closed"
    return f"not readable, {message[0].lower()}{' '.join(message[1:].split()).rstrip('!')}"


def _check_nesting(text: str, source: str) -> None:
    depth = deepest = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    if deepest > _MAX_NESTING:
        raise _too_deep(source)


def _too_deep(source: str) -> InvalidQuery:
    return InvalidQuery(f"{source}: nested deeper than {_MAX_NESTING} levels. Simplify it.")


def _default_scope(names: Sequence[str], source: str) -> _Scope:
    plain = [name.partition("^")[0] for name in names]
    if not plain or "*" in plain:
        return _Scope()
    return _Scope(tuple(_field(name, source) for name in plain))


def _field(name: str, source: str) -> Field:
    parts = _unescape(name)
    if any(isinstance(part, Wildcard) for part in parts):
        raise InvalidQuery(f"{source}: the field {name!r} has wildcards. Name each field.")
    return Field.named("".join(str(part) for part in parts))


def _unescape(raw: str) -> tuple[str | Wildcard, ...]:
    """A term without its backslashes, its unescaped wildcards apart from the text."""
    parts: list[str | Wildcard] = []
    text = ""
    characters = iter(raw)
    for character in characters:
        if character in "*?":
            parts += [text, Wildcard(character)] if text else [Wildcard(character)]
            text = ""
        else:
            text += next(characters, "") if character == "\\" else character
    return tuple([*parts, text] if text else parts)


@dataclass
class _Reader:
    now: datetime
    source: str
    all_required: bool = False
    clauses: int = 0

    def read(self, node: tree.Item, scope: _Scope) -> Condition:
        """The condition that a node of the parsed query stands for."""
        match node:
            case tree.SearchField():
                return self._search_field(node, scope)
            case tree.Group() | tree.FieldGroup() | tree.Boost() | tree.Fuzzy() | tree.Plus():
                return self.read(node.children[0], scope)
            case tree.AndOperation():
                return AllOf(tuple(self.read(child, scope) for child in node.children))
            case tree.OrOperation():
                return AnyOf(tuple(self.read(child, scope) for child in node.children))
            case tree.UnknownOperation():
                return self._implicit(node, scope)
            case tree.Not() | tree.Prohibit():
                return Not(self.read(node.children[0], scope))
            case _:
                return self._in_any(node, scope)

    def _implicit(self, node: tree.Item, scope: _Scope) -> Condition:
        required: list[Condition] = []
        optional: list[Condition] = []
        for child in node.children:
            excluded = isinstance(child, tree.Not | tree.Prohibit)
            certain = self.all_required or excluded or isinstance(child, tree.Plus)
            (required if certain else optional).append(self.read(child, scope))
        obligatory = any(
            self.all_required or isinstance(child, tree.Plus) for child in node.children
        )
        # Beside an obligatory part, the optional ones only matter for the rank.
        if optional and not obligatory:
            required.append(AnyOf(tuple(optional)))
        return AllOf(tuple(required))

    def _search_field(self, node: tree.SearchField, scope: _Scope) -> Condition:
        inner = node.children[0]
        if scope.named:
            raise self._refused(node, "a field within a field")
        if isinstance(inner, tree.SearchField):
            raise self._refused(inner, "a second colon")
        if node.name == "_exists_":
            return self._exists(inner)
        if node.name == "*":
            return self.read(inner, _Scope())
        if isinstance(inner, tree.Prohibit) and isinstance(inner.children[0], tree.Word):
            inner = tree.Word("-" + inner.children[0].value)
        return self.read(inner, _Scope((_field(node.name, self.source),), named=True))

    def _exists(self, inner: tree.Item) -> Condition:
        if not isinstance(inner, tree.Word | tree.Phrase):
            raise self._refused(inner, "_exists_ without the name of a field")
        name = inner.value.strip('"') if isinstance(inner, tree.Phrase) else inner.value
        return Exists(_field(name, self.source).path or name)

    def _in_any(self, node: tree.Item, scope: _Scope) -> Condition:
        conditions = tuple(self._leaf(node, target) for target in scope.fields)
        return conditions[0] if len(conditions) == 1 else AnyOf(conditions)

    def _leaf(self, node: tree.Item, target: Field) -> Condition:
        self.clauses += 1
        if self.clauses > MAX_CLAUSES:
            raise InvalidQuery(f"{self.source}: more than {MAX_CLAUSES} parts. Shorten it.")
        match node:
            case tree.Word():
                return self._word(node, target)
            case tree.Phrase():
                return text_condition(target, _quoted(node), self.now)
            case tree.Proximity():
                words = words_of(_quoted(node.term))
                return AllOf(tuple(HasPhrase(target.path, (word,), word) for word in words))
            case tree.Range():
                low = self._end(node.low, inclusive=bool(node.include_low))
                high = self._end(node.high, inclusive=bool(node.include_high))
                return self._range(node, target, low, high)
            case tree.From():
                low = self._end(node.children[0], inclusive=bool(node.include))
                return self._range(node, target, low, None)
            case tree.To():
                high = self._end(node.children[0], inclusive=bool(node.include))
                return self._range(node, target, None, high)
            case tree.Regex():
                raise self._refused(node, "a regular expression; quote a text that has slashes")
            case _:
                raise self._refused(node, "something that has no meaning there")

    def _word(self, node: tree.Word, target: Field) -> Condition:
        parts = _unescape(node.value)
        if any(isinstance(part, Wildcard) for part in parts):
            if len(node.value) > MAX_PATTERN_LENGTH:
                limit = f"a pattern longer than {MAX_PATTERN_LENGTH} characters"
                raise self._refused(node, limit)
            return pattern_condition(target, parts)
        return text_condition(target, "".join(_texts(parts)), self.now)

    def _end(self, node: tree.Item, *, inclusive: bool) -> tuple[str, bool] | None:
        if isinstance(node, tree.Phrase):
            return _quoted(node), inclusive
        if isinstance(node, tree.Prohibit):
            return "-" + "".join(_texts(_unescape(node.children[0].value))), inclusive
        if node.value == "*":
            return None
        return "".join(_texts(_unescape(node.value))), inclusive

    def _range(
        self,
        node: tree.Item,
        target: Field,
        low: tuple[str, bool] | None,
        high: tuple[str, bool] | None,
    ) -> Condition:
        if target.path is None:
            raise self._refused(node, "a range without a field")
        if low is None and high is None:
            return Exists(target.path)
        return range_condition(target.path, low, high, self.now)

    def _refused(self, node: tree.Item, what: str) -> InvalidQuery:
        place = f"position {node.pos}" if node.pos is not None else "the query"
        return InvalidQuery(f"{self.source}: {what} at {place}. {_HINT}")


def _quoted(node: tree.Phrase) -> str:
    return re.sub(r"\\(.)", r"\1", node.value[1:-1], flags=re.DOTALL)


def _texts(parts: tuple[str | Wildcard, ...]) -> Iterator[str]:
    for part in parts:
        yield part.value if isinstance(part, Wildcard) else part
