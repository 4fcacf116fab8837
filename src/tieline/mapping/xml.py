"""XML as JSON: how an XML payload looks to field names and expressions.

The root element stays as the first key. Repeated siblings are a list, a single one is its value.
Attributes are `@name`, text beside attributes or children is `#text`, namespace prefixes are
dropped. An element without content is null. Text that is a number exactly as JSON would write it
is that number, `true` and `false` are booleans, everything else stays text.
"""

from __future__ import annotations

import re
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from tieline.mapping.errors import MalformedPayload

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")
_MAX_DIGITS = 15


def parse_xml(text: bytes, max_depth: int) -> Any:
    """The value of an XML document. Raises `MalformedPayload`; DTDs and entities are refused."""
    try:
        # As str: the text came in as UTF-8, whatever encoding its declaration names.
        root = ElementTree.fromstring(text.decode(), forbid_dtd=True)
    except UnicodeDecodeError:
        raise MalformedPayload("The payload is not valid UTF-8. Encode it as UTF-8.") from None
    except DefusedXmlException:
        raise MalformedPayload(
            "The payload declares a document type or an entity, which is refused. Remove the "
            "declaration and write the content out."
        ) from None
    except ParseError as error:
        line, column = error.position
        reason = str(error).partition(":")[0]
        raise MalformedPayload(
            f"The payload is not valid XML: {reason} at line {line}, column {column + 1}. "
            "Correct it and send the event again."
        ) from None
    return {_local(root.tag): _convert(root, max_depth)}


def _convert(element: Element, levels: int) -> Any:
    if levels <= 0:
        raise MalformedPayload("The payload is nested too deeply. Flatten it and send it again.")
    content: dict[str, Any] = {
        f"@{_local(name)}": _scalar(value) for name, value in element.attrib.items()
    }
    texts = [element.text or ""]
    for child in element:
        _add(content, _local(child.tag), _convert(child, levels - 1))
        texts.append(child.tail or "")
    text = "".join(texts).strip()
    if not content:
        return _scalar(text) if text else None
    if text:
        content["#text"] = _scalar(text)
    return content


def _add(content: dict[str, Any], name: str, value: Any) -> None:
    """Put a child element in; an element's value is never a list, so a list means siblings."""
    if name not in content:
        content[name] = value
    elif isinstance(content[name], list):
        content[name].append(value)
    else:
        content[name] = [content[name], value]


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _scalar(text: str) -> Any:
    match text:
        case "true":
            return True
        case "false":
            return False
    if _NUMBER.fullmatch(text) and sum(char.isdigit() for char in text) <= _MAX_DIGITS:
        number = float(text) if "." in text else int(text)
        if str(number) == text:
            return number
    return text
