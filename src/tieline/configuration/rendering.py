"""A plan as people and as programs read it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import ndiff
from typing import Any

from tieline.configuration.models import ABSENT, Difference, written
from tieline.configuration.plans import Action, Plan, Step
from tieline.configuration.secrets_in_files import LEFT_OUT, is_reference
from tieline.kit import json
from tieline.kit.secrecy import hide_secrets, names_a_secret

_LONGEST = 120  # characters of a value that are shown
_MOST_LINES = 8  # of a text of several lines
_SIGNS = {Action.CREATE: "+", Action.CHANGE: "~", Action.DELETE: "-"}


def changes_anything(plan: Plan) -> bool:
    """Whether there is anything to do."""
    return bool(flat_steps(plan))


def flat_steps(plan: Plan) -> list[tuple[str, Step]]:
    """Every step that does something, with the path of nouns and keys to its thing."""
    return [found for step in plan.steps for found in _flat(step, "")]


def _flat(step: Step, within: str) -> Iterator[tuple[str, Step]]:
    named = f"{within}{step.kind.noun} {step.thing.key!r}"
    if step.action is not Action.KEEP:
        yield named, step
    for part in step.parts:
        yield from _flat(part, f"{named} / ")


def as_text(plan: Plan) -> str:
    """The plan like a review of code: `+` what comes, `~` what changes and how, `-` what goes."""
    steps = flat_steps(plan)
    blocks = [[line for named, step in steps for line in _step_lines(named, step)]]
    if plan.unmanaged:
        left = [_unmanaged_line(one.named, one.reason) for one in plan.unmanaged]
        blocks.append(["Not in the files, and left as they are:", *left])
    if plan.warnings:
        blocks.append(["Without effect:", *(f"  {warning}" for warning in plan.warnings)])
    blocks.append([_summary(steps)])
    return "\n\n".join("\n".join(lines) for lines in blocks if lines)


def _step_lines(named: str, step: Step) -> Iterator[str]:
    yield f"{_SIGNS[step.action]} {named}"
    for difference in step.differences:
        yield from _difference_lines(difference)


def _unmanaged_line(named: str, reason: str | None) -> str:
    return f"  {named}" if reason is None else f"  {named} ({reason})"


def _summary(steps: list[tuple[str, Step]]) -> str:
    if not steps:
        return "Nothing to do."
    counts = {action: sum(step.action is action for _, step in steps) for action in Action}
    return (
        f"{counts[Action.CREATE]} to create, {counts[Action.CHANGE]} to change, "
        f"{counts[Action.DELETE]} to delete."
    )


def _difference_lines(difference: Difference) -> list[str]:
    place = written(difference.path)
    if _differ_in_order_only(difference):
        return [f"    ~ {place}: its keys in another order"]
    old, new = _shown(difference.old, difference), _shown(difference.new, difference)
    if difference.new is ABSENT:
        return [f"    - {place}: {_in_one_line(old)}"]
    if difference.old is ABSENT:
        return [f"    + {place}: {_in_one_line(new)}"]
    if "\n" in old + new:
        return [f"    ~ {place}:", *_line_by_line(old, new)]
    return [f"    ~ {place}: {_cut(old)} -> {_cut(new)}"]


def _differ_in_order_only(difference: Difference) -> bool:
    if not isinstance(difference.old, dict) or not isinstance(difference.new, dict):
        return False
    return json.canonical(difference.old) == json.canonical(difference.new)


def _line_by_line(old: str, new: str) -> list[str]:
    """Only the lines of a text that differ, and how many are alike."""
    lines = [line for line in ndiff(old.split("\n"), new.split("\n")) if line[0] in "-+"]
    shown = [f"        {_cut(line.rstrip())}" for line in lines[:_MOST_LINES]]
    more = len(lines) - _MOST_LINES
    return [*shown, f"        ... and {more} more lines"] if more > 0 else shown


def _in_one_line(text: str) -> str:
    return _cut(text.replace("\n", "\\n"))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _shown(value: Any, difference: Difference) -> str:
    """A value as text: texts of several lines as they are, everything else as JSON."""
    if value is ABSENT:
        return ""
    hidden = _hidden(value, secret=any(_is_secret(step) for step in difference.path))
    return hidden if isinstance(hidden, str) and "\n" in hidden else json.dumps_str(hidden)


def _is_secret(step: str | int) -> bool:
    return isinstance(step, str) and names_a_secret(step)


def _hidden(value: Any, *, secret: bool) -> Any:
    """A value without secrets: what is stored may hold some, although no file does."""
    match value:
        case dict():
            return {
                key: _hidden(inner, secret=secret or _is_secret(key))
                for key, inner in value.items()
            }
        case list():
            return [_hidden(inner, secret=secret) for inner in value]
        case str() if secret:
            return value if is_reference(value) else LEFT_OUT
        case str():
            return hide_secrets(value, LEFT_OUT)
    return value


def as_json(plan: Plan) -> dict[str, Any]:
    """The plan for programs."""
    return {
        "changes": [
            {
                "action": step.action.value,
                "kind": step.kind.noun,
                "id": step.current.id if step.current else step.thing.id,
                "name": named,
                "differences": [_as_json(difference) for difference in step.differences],
            }
            for named, step in flat_steps(plan)
        ],
        "unmanaged": [
            {"name": one.named, **({"reason": one.reason} if one.reason else {})}
            for one in plan.unmanaged
        ],
        "warnings": list(plan.warnings),
    }


def _as_json(difference: Difference) -> dict[str, Any]:
    secret = any(_is_secret(step) for step in difference.path)
    found: dict[str, Any] = {"path": written(difference.path)}
    if difference.old is not ABSENT:
        found["old"] = _hidden(difference.old, secret=secret)
    if difference.new is not ABSENT:
        found["new"] = _hidden(difference.new, secret=secret)
    return found
