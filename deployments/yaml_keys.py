"""Keys that stand twice in one mapping of a YAML text. Pure.

YAML forbids it and PyYAML takes the last one, without a word: of two `memory:` the one that a
reviewer sees first is not the one that is deployed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class KeyTwice:
    """A key's second place.

    Attributes:
        key: As written.
        line: Where it stands again, from 1.
        first: Where it stood before.
    """

    key: str
    line: int
    first: int

    def sentence(self) -> str:
        """What is wrong, for people."""
        return f"The key {self.key} stands in line {self.first} already: the last one would win."


def keys_twice(text: str) -> tuple[KeyTwice, ...]:
    """Every such key, in the order of the text.

    Raises:
        yaml.YAMLError: It is no YAML.
    """
    root = yaml.compose(text, yaml.SafeLoader)
    found = (key for node in _nodes(root, set()) for key in _in_mapping(node))
    return tuple(sorted(found, key=lambda key: key.line))


def _nodes(node: Any, seen: set[int]) -> Iterator[Any]:
    # An alias is its anchor's own node: it is looked at once.
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    yield node
    if isinstance(node, yaml.CollectionNode):
        for inner in node.value:
            for each in inner if isinstance(inner, tuple) else (inner,):
                yield from _nodes(each, seen)


def _in_mapping(node: Any) -> Iterator[KeyTwice]:
    lines: dict[str, int] = {}
    if isinstance(node, yaml.MappingNode):
        for key, _ in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in lines:
                yield KeyTwice(name, line, lines[name])
            lines.setdefault(name, line)
