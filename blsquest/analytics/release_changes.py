"""What the newest release of a data file changed of the one before, summed up for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from blsquest.analytics.revisions import counts, highlights

if TYPE_CHECKING:
    from blsquest.analytics.catalogue import Catalogue


MOST_GROUPS = 24
"""More rows than this can't be told apart in a chart that fits on a page."""


@dataclass(frozen=True)
class ReleaseChanges:
    """Two releases of one data file, compared.

    Attributes:
        before: The generation that had the earlier release.
        committed: When that was committed, as the manifest says it.
        counts: As from `revisions.counts`.
        highlights: As from `revisions.highlights`.
        grouped_by: The code whose words name the groups (such as `measure`); "" for none.
        shares: One row a group and year: `group`, `year`, `rows` (observations), `revised`, and
            `share` (of 0 to 1) of the observations that were there before which have another value
            now; null where all are new.
    """

    before: int
    committed: str
    counts: dict[str, int]
    highlights: dict[str, pl.DataFrame]
    grouped_by: str
    shares: pl.DataFrame


def release_changes(
    revisions: pl.DataFrame,
    profile: pl.DataFrame,
    catalogue: Catalogue,
    *,
    before: int,
    committed: str,
) -> ReleaseChanges:
    """Sum up what a release, of which a profile was made, changed; see `ReleaseChanges`."""
    column = _grouping(catalogue.frame)
    return ReleaseChanges(
        before=before,
        committed=committed,
        counts=counts(revisions),
        highlights=highlights([revisions], catalogue.frame),
        grouped_by=column or "",
        shares=_shares(revisions, profile, catalogue.frame, column),
    )


def _grouping(catalogue: pl.DataFrame) -> str | None:
    """Return the code that tells series apart most finely without being too many."""
    sizes = {
        name: catalogue.get_column(name).n_unique()
        for name in catalogue.columns
        if f"{name}_code" in catalogue.columns
    }
    fitting = {name: size for name, size in sizes.items() if 1 < size <= MOST_GROUPS}
    return max(fitting, key=lambda name: fitting[name], default=None)


def _shares(
    revisions: pl.DataFrame, profile: pl.DataFrame, catalogue: pl.DataFrame, column: str | None
) -> pl.DataFrame:
    counted = revisions.group_by("series_id", "year").agg(
        revised=(pl.col("change") == "revised").sum(), added=(pl.col("change") == "added").sum()
    )
    cells = profile.join(counted, on=["series_id", "year"], how="left")
    if column is None:
        cells = cells.with_columns(group=pl.lit("all series"))
    else:
        # Named apart before they meet: a code may be called as a column of the counts is.
        words = catalogue.select("series_id", group=pl.coalesce(column, f"{column}_code"))
        cells = cells.join(words, on="series_id", how="left").with_columns(
            pl.col("group").fill_null("not in the series file")
        )
    return (
        cells.group_by("group", "year")
        .agg(pl.col("rows", "revised", "added").sum())
        .with_columns(before=pl.col("rows") - pl.col("added"))
        .with_columns(
            share=pl.when(pl.col("before") > 0).then(pl.col("revised") / pl.col("before"))
        )
        .drop("added", "before")
        .sort("group", "year")
    )
