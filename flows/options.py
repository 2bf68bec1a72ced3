"""The command line's options: what each parameter of the flows is called there, and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from blsquest.lake.guards import Allowance
from blsquest.sources.bls import BLS_ROOT
from blsquest.sources.datausa import POPULATION_URL
from blsquest.sources.share import LARGEST

Lake = Annotated[
    str,
    typer.Option(envvar="LAKE", help="The lake: a path, s3://bucket/prefix, or a Prefect block."),
]


def _code(text: str) -> str:
    """A survey as BLS writes it: its folders are in lower case, its documents mostly are not."""
    return text.strip().lower()


Survey = Annotated[
    str, typer.Option(help="The survey's folder at BLS.", parser=_code, metavar="TEXT")
]
Surveys = Annotated[
    list[str] | None,
    typer.Option("--survey", help="A survey's folder; may repeat.", parser=_code, metavar="TEXT"),
]
Patterns = Annotated[
    list[str] | None,
    typer.Option(
        "--survey",
        parser=_code,
        metavar="TEXT",
        help="Which surveys: a code (pr), a code with * or ? (c*), all, or one of these after a - "
        "to leave it out (-oe); may repeat. Without one the command fails, and names the surveys.",
    ),
]
BlsUrl = Annotated[
    str,
    typer.Option(
        "--bls-url", help="The URL that holds the survey folders, or a block (bls-source/bls)."
    ),
]
PopulationUrl = Annotated[
    str,
    typer.Option(
        "--population-url", help="The whole request, or a block (population-source/datausa)."
    ),
]
Contact = Annotated[
    str | None,
    typer.Option(envvar="BLS_CONTACT", help="Your e-mail address, which BLS asks robots for."),
]
Pace = Annotated[
    float | None,
    typer.Option(
        "--downloads-per-second", min=0, help="Pace; 1 by default, 0 for a server of your own."
    ),
]
Recheck = Annotated[bool, typer.Option("--recheck", help="Ask for every file again.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan and change nothing.")]
Deployment = Annotated[
    str | None,
    typer.Option(help="Spread the surveys over runs of this deployment (surveys/group)."),
]
Tasks = Annotated[
    int, typer.Option(min=1, max=LARGEST, help="How many such runs may be under way at a time.")
]
Tables = Annotated[
    bool, typer.Option("--tables/--no-tables", help="Keep data files as Parquet tables, too.")
]
Revisions = Annotated[
    bool,
    typer.Option("--revisions/--no-revisions", help="Say which values changed data files revised."),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(help=f"Lift a guard for this run: {', '.join(get_args(Allowance))}; may repeat."),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        "--report-date",
        help="Report on a past state: a date, a time with zone, or a generation.",
    ),
]
Series = Annotated[
    str | None, typer.Option(help="Series to join with the population (pr: PRS30006032).")
]
Period = Annotated[str, typer.Option(help="Period of that series.")]
FirstYear = Annotated[int, typer.Option(help="First year of the population's statistics.")]
LastYear = Annotated[int, typer.Option(help="Last year of them, included.")]
DataFile = Annotated[
    str | None, typer.Option(help="The survey's file to answer from (<survey>.data.0.Current).")
]
Pairs = Annotated[
    list[str] | None,
    typer.Option(
        "--pair", help="A further series to join, with its period: SERIES:PERIOD; may repeat."
    ),
]
DdofOption = Annotated[
    int,
    typer.Option(
        "--ddof", min=0, max=1, help="Headline deviation: 1 of a sample, 0 of a population."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show the whole log.")]
Sample = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=2,
        help="Serve release 1 or 2 of the generated sample sources, and use them.",
    ),
]
Share = Annotated[float, typer.Option(min=0, max=1, help="Part of the vintages to re-hash.")]
Sums = Annotated[
    Path | None,
    typer.Option(help="Write SHA256SUMS, for `sha256sum -c` at the lake's root, instead."),
]

OPTIONS: dict[str, Any] = {
    "lake": Lake,
    "survey": Survey,
    "surveys": Surveys,
    "patterns": Patterns,
    "source": BlsUrl,
    "bls_source": BlsUrl,
    "population_source": PopulationUrl,
    "contact": Contact,
    "downloads_per_second": Pace,
    "recheck": Recheck,
    "dry_run": DryRun,
    "allow": Allow,
    "as_of": AsOf,
    "series": Series,
    "period": Period,
    "first_year": FirstYear,
    "last_year": LastYear,
    "data_file": DataFile,
    "pairs": Pairs,
    "ddof": DdofOption,
    "tables": Tables,
    "revisions": Revisions,
    "deployment": Deployment,
    "tasks": Tasks,
}
"""What a flow's parameter of a name is on the command line."""

OF_ONE_FLOW: dict[str, dict[str, Any]] = {
    "population": {"source": PopulationUrl},
    "audit": {"share": Share},
}
"""Where a flow means something else by a name."""

DEFAULTS: dict[Any, Any] = {
    Lake: "./lake",
    Surveys: ["pr"],
    BlsUrl: BLS_ROOT,
    PopulationUrl: POPULATION_URL,
}
"""Where the command line starts from something else than the flow: blocks need registering."""
