"""What the sample server can publish besides its generated releases: real files, an old payload."""

import json
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from blsquest.sources.sample.pages import published
from blsquest.sources.sample.population import ANNOTATIONS, COUNTS
from blsquest.sources.sample.server import SampleServer
from tests.support.lakes import LONG_AGO


def publish_folder(
    server: SampleServer,
    folder: Path,
    *,
    modified: datetime = LONG_AGO,
    restamp: Collection[str] | None = None,
) -> None:
    """Publish a folder of real files as the next release of `pr`.

    `restamp` names the files with the same bytes as before that get the new stamp all the same;
    None for all, as BLS often does.
    """
    before = {name: file for name, file in server.surveys["pr"].items() if not file.generated}
    files = {path.name: published(path.read_bytes(), modified) for path in sorted(folder.iterdir())}
    for name in files.keys() & before.keys():
        keeps = restamp is not None and name not in restamp
        if keeps and before[name].body == files[name].body:
            files[name] = before[name]
    server.surveys["pr"] = files


def legacy_payload() -> bytes:
    """Return the sample's population in the shape of DataUSA's former service."""
    rows = [
        {
            "ID Nation": "01000US",
            "Nation": "United States",
            "ID Year": year,
            "Year": str(year),
            "Population": count,
            "Slug Nation": "united-states",
        }
        for year, count in reversed(COUNTS.items())
    ]
    notes = ANNOTATIONS | {"dataset_name": "ACS 5-year Estimate (generated sample)"}
    source = {"measures": ["Population"], "annotations": notes, "substitutions": []}
    return json.dumps({"data": rows, "source": [source]}).encode()
