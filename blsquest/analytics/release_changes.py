"""The changes of a data file's newest release from the previous one, summed up for people."""

from dataclasses import dataclass
from operator import itemgetter

import polars as pl

from blsquest.analytics.catalogue import Catalogue
from blsquest.analytics.revisions import counts, highlights

MOST_GROUPS = 24
"""More rows than this can't be distinguished in a chart that fits on a page."""


@dataclass(frozen=True)
class ReleaseChanges:
    """Two releases of one data file, compared.

    Attributes:
        before: The generation that had the earlier release.
        committed: Its time of commit, as the manifest gives it.
        counts: As from `revisions.counts`.
        highlights: As from `revisions.highlights`.
        grouped_by: The code whose words name the groups (such as `measure`); "" for none.
        shares: One row a group and year: `group`, `year`, `rows` (observations), `revised`, and
            `share` (of 0 to 1) of the earlier observations that have another value now; null where
            all are new.
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
    """Sum up a release's changes, given its profile; see `ReleaseChanges`."""
    words = catalogue.frame
    coded = [name for name in words.columns if f"{name}_code" in words.columns]
    sizes = [(words.get_column(name).n_unique(), name) for name in coded]
    # The code with the most different words that still fit into a chart.
    fitting = [(size, name) for size, name in sizes if 1 < size <= MOST_GROUPS]
    column = max(fitting, key=itemgetter(0))[1] if fitting else ""
    return ReleaseChanges(
        before=before,
        committed=committed,
        counts=counts(revisions),
        highlights=highlights([revisions], words),
        grouped_by=column,
        shares=_shares(revisions, profile, words, column),
    )


def _shares(
    revisions: pl.DataFrame, profile: pl.DataFrame, catalogue: pl.DataFrame, column: str
) -> pl.DataFrame:
    counted = revisions.group_by("series_id", "year").agg(
        revised=(pl.col("change") == "revised").sum(), added=(pl.col("change") == "added").sum()
    )
    cells = profile.join(counted, on=["series_id", "year"], how="left")
    # Renamed before the join: a code may have the name of a column of the counts.
    group = pl.coalesce(column, f"{column}_code") if column else pl.lit("all series")
    words = catalogue.select("series_id", group=group)
    other = "not in the series file" if column else "all series"
    before = pl.col("rows") - pl.col("added")
    return (
        cells.join(words, on="series_id", how="left")
        .group_by(pl.col("group").fill_null(other), "year")
        .agg(pl.col("rows", "revised", "added").sum())
        .with_columns(share=pl.when(before > 0).then(pl.col("revised") / before))
        .drop("added")
        .sort("group", "year")
    )
