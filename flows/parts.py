"""What a pipeline's own page in the dashboard shows: a table of what each part came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.artifacts import create_table_artifact
from prefect.logging import get_run_logger

from flows.dashboard import as_text, tell

if TYPE_CHECKING:
    from flows.results import Result


def show_parts(result: Result, *, survey: str) -> None:
    """Leave the table; the parts' own tables are on the pages of their runs.

    Args:
        result: What the parts came to.
        survey: The first one, which names the table.
    """
    tell(
        get_run_logger(),
        "the table of parts",
        lambda: create_table_artifact(
            as_text(result.rows()),
            key=f"pipeline-{survey}",
            description="What each part of the run came to.",
        ),
    )
