"""The three sides of an edit that lost, compared field by field."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.conflicts import Clash, compare, same

LEAVES = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.5, 1.0, "", "a", "文"])
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xy"), inner, max_size=2),
    max_leaves=4,
)
DOCUMENTS = st.dictionaries(st.sampled_from(["a", "b", "c", "stamp"]), VALUES)
STAMPS = frozenset({"stamp"})


def by_name(base: Any, ours: Any, theirs: Any) -> dict[str, tuple[str, str]]:
    return {one.name: (one.clash.value, one.changed_by) for one in compare(base, ours, theirs, STAMPS)}


@given(DOCUMENTS, DOCUMENTS, DOCUMENTS)
def test_a_field_is_hard_where_both_changed_it_and_soft_where_one_did(
    base: Any, ours: Any, theirs: Any
) -> None:
    found = by_name(base, ours, theirs)
    for name in ("a", "b", "c"):
        start, mine, other = base.get(name), ours.get(name), theirs.get(name)
        if same(mine, other):
            assert name not in found
        elif same(start, other):
            assert found[name] == ("soft", "ours")
        elif same(start, mine):
            assert found[name] == ("soft", "theirs")
        else:
            assert found[name] == ("hard", "both")
    assert "stamp" not in found


@given(DOCUMENTS, DOCUMENTS, DOCUMENTS)
def test_the_sides_exchanged_give_the_same_clashes(base: Any, ours: Any, theirs: Any) -> None:
    turned = {"ours": "theirs", "theirs": "ours", "both": "both"}
    assert by_name(base, theirs, ours) == {
        name: (clash, turned[who]) for name, (clash, who) in by_name(base, ours, theirs).items()
    }


@given(DOCUMENTS, DOCUMENTS, DOCUMENTS)
def test_what_each_side_changed_put_together_leaves_only_the_hard_fields(
    base: Any, ours: Any, theirs: Any
) -> None:
    """Whoever takes all soft changes of both has decided everything but the hard fields."""
    fields = compare(base, ours, theirs, STAMPS)
    merged = {**theirs, **{one.name: one.ours for one in fields if one.changed_by == "ours"}}
    left = [one.name for one in compare(base, ours, merged, STAMPS) if one.changed_by != "theirs"]
    assert left == [one.name for one in fields if one.clash is Clash.HARD]


@given(DOCUMENTS, DOCUMENTS)
def test_without_a_base_every_difference_is_hard(ours: Any, theirs: Any) -> None:
    fields = compare(None, ours, theirs, STAMPS)
    assert {one.clash for one in fields} <= {Clash.HARD}
    assert {one.name for one in fields} == {
        name for name in ("a", "b", "c") if not same(ours.get(name), theirs.get(name))
    }


@given(VALUES, VALUES, VALUES)
def test_saying_the_same_is_an_equivalence(one: Any, two: Any, three: Any) -> None:
    assert same(one, one)
    assert same(one, two) == same(two, one)
    if same(one, two) and same(two, three):
        assert same(one, three)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1, 2], [2, 1], False),
        ({"a": None}, {}, False),
        ([True], [1], False),
        ("1", 1, False),
    ],
)
def test_which_values_say_the_same(one: Any, other: Any, equal: bool) -> None:
    assert same(one, other) is equal


def test_the_envelope_is_no_field_and_absent_says_null() -> None:
    base = {"id": "i", "edit_id": "1", "a": 1}
    ours = {"id": "i", "edit_id": "2", "a": 1, "b": None, "review": [], "_deleted": False}
    assert compare(base, ours, {"id": "i", "edit_id": "3", "a": 1}) == []


def test_a_delete_is_a_field() -> None:
    base, edited = {"a": 1, "_deleted": False}, {"a": 2, "_deleted": False}
    deleted = {"a": 1, "_deleted": True}
    assert by_name(base, edited, deleted) == {"_deleted": ("soft", "theirs"), "a": ("soft", "ours")}
    assert by_name(base, edited, None) == by_name(base, edited, deleted)
    assert by_name(None, edited, None) == {"_deleted": ("hard", "both")}
