"""Which names from a publisher are safe to become file names and object keys. Pure."""

from __future__ import annotations

import re

from flows.lake.errors import Refused

_SAFE = re.compile(r"""[ !$&'()+,\-.;=@\[\]^_`{}~0-9A-Za-z]{1,200}""")
_SHOWN = 60


def shown(text: str) -> str:
    """`text` as it can be printed anywhere: quoted, ASCII, control characters escaped, short."""
    if len(text) <= _SHOWN:
        return ascii(text)
    return f"{text[:_SHOWN]!a}… ({len(text):,} characters)"


def check_name(name: str) -> None:
    r"""Refuse a name that could leave its folder or that some file system cannot hold.

    Allowed are 1 to 200 printable ASCII characters without ``/ \ % ? # : * " < > |``, not
    beginning with a dot and not ending in a space. `name` is already decoded, once.

    Raises:
        Refused: It is not such a name.
    """
    if _SAFE.fullmatch(name) and name[0] != "." and name[-1] != " ":
        return
    raise Refused(
        f"The publisher lists a file under an unsafe name: {shown(name)}.",
        "Nothing was changed. Look at the listing in a browser; if the name is really meant, "
        "the rule for names has to be widened in the code.",
    )


def check_distinct(names: list[str]) -> None:
    """Refuse names that are equal, or that differ by case alone (one file on some systems).

    Raises:
        Refused: Two names are the same in that sense.
    """
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.lower(), name)
        if other is not name:
            how = "twice" if other == name else "under names that differ by case alone"
            raise Refused(
                f"The publisher lists a file {how}: {shown(other)} and {shown(name)}.",
                "Nothing was changed. Run again later; if it stays so, look at the listing.",
            )
