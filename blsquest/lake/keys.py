"""Where things lie in a lake: the one place that spells its keys."""

from __future__ import annotations

import re

_MANIFEST = re.compile(r"(\d{8})\.json", re.ASCII)


def vintage_key(source: str, name: str, sha256: str) -> str:
    """`vintages/bls/pr/pr.class/<sha256>`: one content of one file, immutable."""
    return f"vintages/{source}/{name}/{sha256}"


def manifest_folder(source: str) -> str:
    """`manifests/bls/pr/`: the log of one source."""
    return f"manifests/{source}/"


def manifest_key(source: str, generation: int) -> str:
    """`manifests/bls/pr/00000042.json`: one generation, immutable."""
    return f"{manifest_folder(source)}{generation:08}.json"


def generation_of(key: str) -> int | None:
    """The generation that a manifest's key names; None for a key that is no manifest's."""
    match = _MANIFEST.fullmatch(key.rsplit("/", 1)[-1])
    return int(match[1]) if match else None


def view_record_key(source: str) -> str:
    """`state/bls/pr/view.json`: derived; losing it costs copies, nothing else."""
    return f"state/{source}/view.json"


def revisions_folder(survey: str, generation: int, since: int | None = None) -> str:
    """`analytics/revisions/pr/00000042/`: what it revised of its parent, or of `since`."""
    pair = f"{generation:08}" if since is None else f"{since:08}-{generation:08}"
    return f"analytics/revisions/{survey}/{pair}/"
