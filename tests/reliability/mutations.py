"""Strategies that damage good input a little: most of it stays, so that the damage gets deep."""

from __future__ import annotations

import json
from collections import Counter
from copy import deepcopy
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.reliability.figures import SOAK, rounds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DEADLINE = timedelta(seconds=5)
"""For one example. Most take a millisecond: what exceeds it grows faster than its input does."""

_LARGE = 200_000
"""Bytes to which a piece may be repeated."""

NASTY: tuple[object, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    10**400,
    float("nan"),
    float("inf"),
    "",
    "0",
    "../x",
    "a\0\nb",
    "\ud800",
    "x" * 5_000,
    "9999-12-31T23:59:59.999999Z",
    "0001-01-01T00:00:00+23:59",
    [],
    {},
    [[[]]],
    {"": {}},
)
"""What may stand in a JSON document in the place of anything."""


tried: Counter[str] = Counter()
"""Examples so far, and how many of them were good enough to be read."""


def fuzz(strategy: st.SearchStrategy[Any], check: Callable[[Any], bool], examples: int) -> None:
    """Run `check` on `examples` values, or on as many times `SOAK`, and count them in `tried`.

    `check` tells whether its value was good enough to be read. Where all or none are, nothing is
    tried: that fails too.
    """
    wanted = rounds(examples, examples)
    ran = good = 0

    @settings(
        max_examples=wanted,
        deadline=DEADLINE,
        derandomize=not SOAK,  # the same in every CI run: a failure is the change's own
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def one(value: Any) -> None:
        nonlocal ran, good
        ran += 1
        good += check(value)

    one()
    tried.update(examples=ran, read=good)
    assert ran >= wanted
    assert 0 < good < ran


@st.composite
def damaged(draw: st.DrawFn, seeds: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """A seed after up to five of: a cut, a word put in, a piece repeated, a byte changed."""
    body = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 40)))
        act = draw(st.sampled_from(["drop", "word", "bytes", "repeat", "swap", "end"]))
        piece = body[start:end]
        if act == "word":
            piece = draw(st.sampled_from(words))
        elif act == "bytes":
            piece = draw(st.binary(max_size=4))
        elif act == "repeat":
            piece *= draw(st.sampled_from([2, 3, 50, _LARGE // max(1, len(piece))]))
        elif act == "swap":
            piece = piece[::-1]
        elif act == "drop":
            piece = b""
        body = body[:start] + piece + (b"" if act == "end" else body[end:])
    return body


@st.composite
def damaged_json(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """A seed's document with up to three values replaced, dropped, doubled or moved."""
    document = json.loads(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(document))
        if not places:
            break
        parent, key = draw(st.sampled_from(places))
        act = draw(st.sampled_from(["replace", "drop", "double", "move"]))
        if act == "replace":
            parent[key] = deepcopy(draw(st.sampled_from(NASTY)))
        elif act == "drop":
            del parent[key]
        elif act == "double" and isinstance(parent, list):
            parent.insert(key, deepcopy(parent[key]))
        else:
            other, name = draw(st.sampled_from(places))
            parent[key] = deepcopy(other[name])
    return json.dumps(document).encode()


def _places(node: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON document."""
    inside = [node]
    found: list[tuple[Any, Any]] = []
    while inside:
        each = inside.pop()
        pairs = each.items() if isinstance(each, dict) else enumerate(each)
        for key, value in pairs:
            found.append((each, key))
            if isinstance(value, dict | list):
                inside.append(value)
    return found
