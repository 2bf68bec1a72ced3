"""What a report's content becomes: Parquet, HTML, JSON, and markdown for people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from flows.lake.reports import PAGE, REPORT

if TYPE_CHECKING:
    from flows.analytics.content import Content
    from flows.report_request import Request

VERSION = 2

UNITS = {
    "value": "a sum of the year's periods, or one period's value, in the unit of the series (unit)",
    "population": "people",
    "mean, std_sample, std_population, std": "people",
    "quarters": "periods that were summed",
}


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """A report as it is written.

    Attributes:
        files: By name, `report.json` among them.
        report: The content of `report.json`.
        markdown: For the dashboard.
    """

    files: dict[str, bytes]
    report: dict[str, Any]
    markdown: str


def report_files(content: Content, folder: str, asked: Request) -> ReportFiles:
    """Write a report's content in each of its forms.

    Args:
        content: What is told.
        folder: Where the report goes, ending in `/`; only `report.json` tells it.
        asked: Spelled out.
    """
    from flows.analytics.answer_text import markdown
    from flows.analytics.page import page
    from flows.analytics.pictures import draw
    from flows.analytics.record import as_json
    from flows.analytics.render import parquet_bytes

    pictures = draw(content)
    metadata = {
        "bls-data-quest:inputs": json.dumps(content.inputs, sort_keys=True),
        "bls-data-quest:request": json.dumps(asked.as_dict(), sort_keys=True),
        "bls-data-quest:sample": str(content.sample).lower(),
        "bls-data-quest:units": json.dumps(UNITS, sort_keys=True),
    }
    files = {
        f"{name}.parquet": parquet_bytes(frame, metadata)
        for name, frame in {**content.answers.tables(), "catalogue": content.catalogue}.items()
    }
    files[PAGE] = page(content, pictures)
    report = {
        "format": "bls-data-quest/report",
        "version": VERSION,
        "folder": folder,
        "question": asked.as_dict(),
        "inputs": content.inputs,
        **as_json(content),
        "outputs": {
            name: {"bytes": len(body), "sha256": sha256(body).hexdigest()}
            for name, body in sorted(files.items())
        },
    }
    body = (json.dumps(report, indent=2, sort_keys=True) + "\n").encode()
    return ReportFiles(
        files | {REPORT: body}, json.loads(body), markdown(content, pictures.population)
    )
