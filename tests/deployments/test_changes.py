"""What is wanted against what is there."""

from deployments.changes import Change, Thing, differences


def thing(name: str, **fields: object) -> Thing:
    return Thing("thing", name, fields)


def test_what_is_equal_needs_no_change() -> None:
    assert differences([thing("a", x=[1, {"y": 2}])], [thing("a", x=[1, {"y": 2}])]) == ()


def test_what_is_missing_is_created_and_what_nobody_wants_is_deleted() -> None:
    assert differences([thing("a"), thing("b")], [thing("c"), thing("b")]) == (
        Change("create", "thing", "a"),
        Change("delete", "thing", "c"),
    )


def test_an_update_names_the_fields_that_differ_however_deep() -> None:
    wanted = thing("a", x={"y": 1, "z": [1]}, same=0)
    present = thing("a", x={"y": 2, "z": [1], "more": None, "old": "v"}, same=0)

    assert differences([wanted], [present]) == (
        Change("update", "thing", "a", ('x.old ("v" → null)', "x.y (2 → 1)")),
    )


def test_long_values_are_not_shown() -> None:
    (change,) = differences([thing("a", text="x" * 100)], [thing("a", text="y" * 100)])

    assert change.sentence() == "update thing a: text"
