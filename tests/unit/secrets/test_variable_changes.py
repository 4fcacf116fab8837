"""What a change makes of an environment variable."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tieline.kit.errors import InvalidInput
from tieline.secrets.environments.changing import apply_change, described
from tieline.secrets.environments.checking import check_change, check_group_name, check_key
from tieline.secrets.environments.errors import SecretValueNeeded
from tieline.secrets.environments.models import ValueType, Variable, VariableChange
from tieline.secrets.material import SecretText

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TEXT = Variable("a", ValueType.STRING, "what", "erp", "plain", True, False, NOW, NOW)
SECRET = replace(TEXT, type=ValueType.SECRET, value=None)
LATER = NOW + timedelta(hours=1)


def sent(**fields: object) -> VariableChange:
    if isinstance(fields.get("value"), str):
        fields["value"] = SecretText(str(fields["value"]))
    return VariableChange(**fields)  # type: ignore[arg-type]


def test_a_new_variable_is_a_readable_text_by_default() -> None:
    made = apply_change("a", None, sent(value="x"), NOW).variable

    assert (made.type, made.value, made.has_value) == (ValueType.STRING, "x", True)
    assert (made.description, made.group, made.protected) == (None, None, False)


def test_a_variable_can_be_a_name_only() -> None:
    outcome = apply_change("a", None, sent(type=ValueType.SECRET), NOW)

    assert (outcome.variable.has_value, outcome.secret) == (False, None)


def test_what_is_not_sent_stays() -> None:
    outcome = apply_change("a", TEXT, sent(protected=True), LATER)

    assert outcome.variable == replace(TEXT, protected=True, updated_at=LATER)
    assert not outcome.value_changed


def test_what_is_sent_as_nothing_goes() -> None:
    changed = apply_change("a", TEXT, sent(description=None, group=None), LATER).variable

    assert (changed.description, changed.group, changed.value) == (None, None, "plain")


def test_an_empty_text_is_a_value() -> None:
    assert apply_change("a", TEXT, sent(value=""), LATER).variable.value == ""
    assert apply_change("a", SECRET, sent(value=""), LATER).secret == SecretText("")


def test_a_secret_value_is_never_in_the_variable() -> None:
    outcome = apply_change("a", SECRET, sent(value="new"), LATER)

    assert outcome.variable.value is None
    assert outcome.secret == SecretText("new")
    assert "new" not in f"{outcome}"


def test_a_readable_value_moves_when_it_becomes_secret() -> None:
    outcome = apply_change("a", TEXT, sent(type=ValueType.SECRET), LATER)

    assert outcome.secret == SecretText("plain")
    assert (outcome.variable.value, outcome.variable.has_value) == (None, True)


def test_a_secret_value_is_not_made_readable() -> None:
    with pytest.raises(SecretValueNeeded):
        apply_change("a", SECRET, sent(type=ValueType.STRING), LATER)


def test_a_secret_becomes_readable_with_another_value() -> None:
    outcome = apply_change("a", SECRET, sent(type=ValueType.STRING, value="new"), LATER)

    assert (outcome.variable.value, outcome.secret, outcome.drop_secret) == ("new", None, True)


def test_a_secret_without_a_value_may_change_its_type() -> None:
    bare = replace(SECRET, has_value=False)
    changed = apply_change("a", bare, sent(type=ValueType.STRING), LATER).variable

    assert (changed.type, changed.has_value, changed.value) == (ValueType.STRING, False, None)


def test_the_audit_log_never_gets_a_value() -> None:
    assert "plain" not in str(described(TEXT))


@pytest.mark.parametrize("key", ["", "A", "-a", "a b", "a/b", "ä", "a" * 129, "a\n", "groups"])
def test_a_key_that_cannot_be_is_refused(key: str) -> None:
    with pytest.raises(InvalidInput, match=r"^key: "):
        check_key(key)


@pytest.mark.parametrize("key", ["a", "0", "smtp.password", "a_b-c.d", "a" * 128, "groups2"])
def test_a_key_that_can_be_is_taken(key: str) -> None:
    check_key(key)


@pytest.mark.parametrize("name", ["", " a", "a ", "a/b", "a\nb", "a\x00", "..", "x" * 129])
def test_a_group_name_that_cannot_be_in_a_path_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"^group: "):
        check_group_name("group", name)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (sent(value="ä" * 16_385), "value"),
        (sent(value="a\x00b"), "value"),
        (sent(value="a\udc00"), "value"),
        (sent(description="a\x00b"), "description"),
        (sent(description="a" * 1001), "description"),
        (sent(group="a/b"), "group"),
    ],
)
def test_what_cannot_be_stored_is_refused_by_its_field(change: VariableChange, field: str) -> None:
    with pytest.raises(InvalidInput, match=rf"^{field}: "):
        check_change(change)


def test_a_value_of_32_kilobytes_is_taken() -> None:
    check_change(sent(value="ä" * 16_384))
