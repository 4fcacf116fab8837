"""Secret texts do not show by accident."""

import pickle

import pytest

from tieline.secrets.material import SecretText, SecretValues

PLAIN = "correct-horse-battery"


@pytest.mark.parametrize("show", [repr, str, "{}".format, lambda text: f"{text}", "%s".__mod__])
def test_a_secret_text_is_hidden_however_it_is_printed(show) -> None:
    assert show(SecretText(PLAIN)) == "<hidden>"
    assert show((SecretText(PLAIN),)).count(PLAIN) == 0


def test_a_secret_text_is_revealed_on_request_and_compares() -> None:
    assert SecretText(PLAIN).reveal() == PLAIN
    assert SecretText(PLAIN) == SecretText(PLAIN)
    assert SecretText(PLAIN) != SecretText("other")
    assert SecretText(PLAIN) != PLAIN
    assert len({SecretText(PLAIN), SecretText(PLAIN)}) == 1


def test_a_secret_text_does_not_leave_by_pickling() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(SecretText(PLAIN))


def test_secret_values_show_their_names_only() -> None:
    values = SecretValues({"user": "jane", "password": PLAIN})

    assert repr(values) == str(values) == "{'user': <hidden>, 'password': <hidden>}"
    assert values["password"] == PLAIN
