"""Many surveys in one flow run: side by side, at one pace, each ending on its own."""

from __future__ import annotations

from contextvars import copy_context
from time import perf_counter
from typing import TYPE_CHECKING

from blocks.lake import open_lake
from blsquest.core.stop import Workers, raise_if_stopped
from blsquest.sources.http import SURVEYS_AT_ONCE
from flows.fleet import Fleet, SurveyRow, row_of
from flows.ingest import ingest_survey
from flows.results import error_name
from flows.states import as_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blsquest.lake.run import Options
    from blsquest.sources.bls import BlsRoot


def mirror_many(
    root: BlsRoot,
    codes: Sequence[str],
    lake: str,
    options: Options,
    *,
    tables: bool,
    revisions: bool,
) -> Fleet:
    """Bring each survey up to date; what one of them runs into is its row's, and stops no other.

    Args:
        root: BLS.
        codes: The surveys.
        lake: The lake's reference.
        options: How the runs are wanted.
        tables: Also keep the data files as Parquet tables.
        revisions: Also say which values changed data files revised.

    Raises:
        Stopped: The process is to end.
    """

    def one(code: str) -> SurveyRow:
        raise_if_stopped()
        began = perf_counter()
        try:
            # A store of its own counts what this survey costs; connections are the process's.
            outcome = ingest_survey(
                root.survey(code),
                open_lake(lake),
                options,
                tables=tables,
                revisions=revisions,
                by="itself",
                beside_others=True,
            )
        except Exception as raised:  # noqa: BLE001 - one survey's bug hides no other's outcome
            error = as_error(raised)
            took = round(perf_counter() - began, 3)
            return SurveyRow(code, error_name(error), seconds=took, what=str(error))
        return row_of(code, outcome, perf_counter() - began)

    with Workers(SURVEYS_AT_ONCE, "survey") as pool:
        running = [pool.submit(copy_context().run, one, code) for code in codes]
        return Fleet(tuple(r.result() for r in running), dry_run=options.dry_run)
