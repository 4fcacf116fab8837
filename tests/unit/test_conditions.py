"""Conditions of statements and their arguments."""

from tieline.database.conditions import Conditions


def test_arguments_are_numbered_after_the_organisation() -> None:
    where = Conditions("org_id = $1 AND place = {}", "here")
    where.add("(at, id) < ({}, {})", 7, "x")
    where.add("status = 'open'")

    assert where.bind("last") == "$5"
    assert str(where) == "org_id = $1 AND place = $2 AND (at, id) < ($3, $4) AND status = 'open'"
    assert where.values == ["here", 7, "x", "last"]


def test_what_is_not_given_lets_everything_pass() -> None:
    where = Conditions("org_id = $1")
    where.add_given([("a = {}", None), ("b = {}", 0), ("c = {}", "")])

    assert str(where) == "org_id = $1 AND b = $2 AND c = $3"
    assert where.values == [0, ""]
