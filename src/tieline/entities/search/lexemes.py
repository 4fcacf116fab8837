"""What an entity is found by: the lexemes of its row in the full-text index.

Two kinds share one index and cannot collide, because a word never contains `=`:

* words: `jane`, one for each word of the title and of the texts, numbers and booleans within;
* keywords: `=email.email=jane@example.com`, one for each value, under its path without list
  positions. The prefix `=email.email=` therefore also answers whether an attribute has a value.

Both are lower-case and cut, so the index finds candidates and never misses a match: whoever asks
compares again where case, length or the place of a word matters. An entity with more words or
values than are kept says so by `MORE_WORDS` or `MORE_KEYWORDS`, which a query accepts instead of
any word or keyword and then compares the attributes themselves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tieline.entities.scalars import scalar_text

MAX_WORDS = 256
MAX_KEYWORDS = 256
WORD_LENGTH = 64
# In characters; four bytes each stay far below the 2 KB which PostgreSQL allows.
KEYWORD_LENGTH = 256
MORE_WORDS = "==words"
MORE_KEYWORDS = "==keywords"

# Bookkeeping and references: exact values that nobody means by a word typed into a search box.
WITHOUT_WORDS = frozenset({"_acl", "_manifest", "_owners", "_purpose", "$relation"})
_WORD = re.compile(r"\w+")
# Control characters separate things elsewhere, and nobody searches for one.
_NO_CONTROLS = dict.fromkeys(range(32), " ")


def lexemes(schema: str, title: str | None, attributes: Mapping[str, Any]) -> list[str]:
    """The distinct lexemes of an entity, never empty strings, at most about 500 of them.

    `attributes` are the stored ones: `_tags` and other system attributes are inside, relations
    are `{"$relation": [...]}`. Together they are the `search` column.
    """
    words: dict[str, None] = {}
    keywords: dict[str, None] = {keyword("_schema", schema): None}
    if title is not None:
        keywords[keyword("_title", title)] = None
        words.update(dict.fromkeys(tokens(title)))
    _collect("", attributes, words, keywords)
    return [
        *_bounded(words, MAX_WORDS, MORE_WORDS),
        *_bounded(keywords, MAX_KEYWORDS, MORE_KEYWORDS),
    ]


def words_of(text: str) -> list[str]:
    """The words of a text in order, in lower case: what text attributes are compared by."""
    return _WORD.findall(text.lower())


def tokens(text: str) -> list[str]:
    """The words of a text as they are indexed: cut to `WORD_LENGTH` characters."""
    if len(text) <= WORD_LENGTH:
        return words_of(text)
    return [word[:WORD_LENGTH] for word in words_of(text)]


def keyword(path: str, value: str) -> str:
    """The lexeme of one value (see `scalar_text`) at a dotted path."""
    text = f"={path}={value.lower()}"[:KEYWORD_LENGTH]
    return text if text.isprintable() else text.translate(_NO_CONTROLS)


def quoted(lexeme: str, *, prefix: bool = False) -> str:
    """A lexeme as it stands in the text of a `tsquery`; as a `prefix` it matches longer ones."""
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'" + (":*" if prefix else "")


def _collect(
    path: str, value: Any, words: dict[str, None] | None, keywords: dict[str, None]
) -> None:
    """Add the lexemes of each scalar within; no words where `words` is None.

    This runs for every value of every entity that is written: the order of the tests follows how
    often each kind of value occurs.
    """
    if isinstance(value, str):
        text = value
    elif isinstance(value, dict):
        for key, inner in value.items():
            below = f"{path}.{key}" if path else str(key)
            _collect(below, inner, None if key in WITHOUT_WORDS else words, keywords)
        return
    elif isinstance(value, list | tuple):
        for inner in value:
            _collect(path, inner, words, keywords)
        return
    else:
        scalar = scalar_text(value)
        if scalar is None:
            return
        text = scalar
    if len(keywords) <= MAX_KEYWORDS:
        keywords[keyword(path, text)] = None
    if words is not None and len(words) <= MAX_WORDS:
        for word in tokens(text):
            words[word] = None


def _bounded(found: dict[str, None], limit: int, more: str) -> list[str]:
    kept = list(found)
    return kept if len(kept) <= limit else [*kept[:limit], more]
