"""What the full-text index can say about a condition: a query that every match fulfils.

The index answers quickly but roughly (lower-case, cut, without positions), so its answer is a set
of candidates that the predicates look at again. A condition of which it knows nothing, such as
a negation, has no query.
"""

from __future__ import annotations

import re

from tieline.entities.scalars import number_text
from tieline.entities.search.conditions import (
    AllOf,
    AnyOf,
    Condition,
    Exists,
    HasPattern,
    HasPhrase,
    IsExactly,
)
from tieline.entities.search.lexemes import (
    MORE_KEYWORDS,
    MORE_WORDS,
    WITHOUT_WORDS,
    keyword,
    quoted,
    tokens,
)
from tieline.entities.search.moments import parse_number

# PostgreSQL takes at most a megabyte of operands, and descends into each operator.
MAX_LENGTH = 50_000
_NOT_INDEXED = frozenset({"_id", "_org", "_created_at", "_updated_at", "_deleted_at"})


def lookup(condition: Condition) -> str | None:
    """The text of a `tsquery` that every match of the condition fulfils, or None.

    None as well for one that is longer than PostgreSQL takes.
    """
    query = _lookup(condition)
    return None if query is None or len(query) > MAX_LENGTH else query


def _lookup(condition: Condition) -> str | None:
    match condition:
        case AllOf(parts):
            known = [query for part in parts if (query := lookup(part)) is not None]
            return _joined(known, " & ") if known else None
        case AnyOf(parts):
            queries = [_alternative(part) for part in parts]
            known = [query for query in queries if query is not None]
            return _joined(known, " | ") if known and len(known) == len(queries) else None
        case HasPhrase():
            return _phrase(condition)
        case HasPattern():
            return _pattern(condition)
        case IsExactly(path, values) if path not in {*_NOT_INDEXED, "_schema"}:
            return _exactly(path, values)
        case Exists(path) if path not in {*_NOT_INDEXED, "_title", "_schema"}:
            prefixes = [quoted(f"={path}{end}", prefix=True) for end in "=."]
            return _or_more(_joined(prefixes, " | "), MORE_KEYWORDS)
    return None


def _alternative(condition: Condition) -> str | None:
    """By itself a schema is found through an index of its own, but not as one of several parts."""
    if isinstance(condition, IsExactly) and condition.path == "_schema":
        return _exactly(condition.path, condition.values)
    return _lookup(condition)


def _phrase(condition: HasPhrase) -> str:
    words = _joined([quoted(word) for word in tokens(" ".join(condition.words))], " & ")
    number = parse_number(condition.text)
    if number is None or condition.path is None:
        return _or_more(words)
    # The same number may be written otherwise, and consist of other words then: 5.10 and 5.1.
    same = quoted(keyword(condition.path, number_text(number)))
    return _or_more(f"{words} | {same} | {quoted(MORE_KEYWORDS)}")


def _exactly(path: str, values: tuple[str, ...]) -> str | None:
    lexemes = {keyword(path, value) for value in values}
    numbers = (parse_number(value) for value in values)
    lexemes |= {keyword(path, number_text(number)) for number in numbers if number is not None}
    if not lexemes:
        return None
    return _or_more(_joined([quoted(lexeme) for lexeme in sorted(lexemes)], " | "), MORE_KEYWORDS)


def _pattern(condition: HasPattern) -> str | None:
    """By the text before the first wildcard."""
    first = condition.parts[0]
    if not isinstance(first, str) or condition.path in _NOT_INDEXED:
        return None
    ends = len(condition.parts) > 1
    single_word = re.fullmatch(r"\w+", first) is not None
    if condition.path is None:
        return _words(first, open_end=ends)
    by_value = quoted(keyword(condition.path, first), prefix=True)
    known = _or_more(by_value, MORE_KEYWORDS)
    whole_only = condition.exact or not WITHOUT_WORDS.isdisjoint(condition.path.split("."))
    if whole_only or not single_word:
        return known
    by_word = _words(first, open_end=ends)
    return known if by_word is None else _joined([known, by_word], " | ")


def _words(text: str, *, open_end: bool) -> str | None:
    words = tokens(text)
    if not words:
        return None
    continued = open_end and re.search(r"\w$", text) is not None
    queries = [quoted(word) for word in words[:-1]]
    queries.append(quoted(words[-1], prefix=continued))
    return _or_more(_joined(queries, " & "))


def _or_more(query: str, more: str = MORE_WORDS) -> str:
    return f"({query} | {quoted(more)})"


def _joined(queries: list[str], operator: str) -> str:
    return queries[0] if len(queries) == 1 else f"({operator.join(queries)})"
