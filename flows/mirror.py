"""The flow `mirror`: surveys of BLS, one or many, brought up to date in the lake."""

from collections.abc import Callable, Sequence
from contextvars import copy_context
from time import perf_counter
from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import Field

from blocks.lake import open_lake
from blocks.notice import Notice, open_notice
from blocks.publishers import open_bls_root
from blsquest.core.errors import Misuse, Mixed, NoSurvey, QuestError
from blsquest.core.progress import Step, emit
from blsquest.core.source import source_of
from blsquest.core.stop import Workers, raise_if_stopped, stops_workers
from blsquest.lake.guards import Allowance
from blsquest.lake.log import ManifestLog
from blsquest.lake.outcome import Outcome
from blsquest.lake.run import IN_FLIGHT, Options
from blsquest.products.surveys import choose
from blsquest.sources.http import SURVEYS_AT_ONCE
from flows.artifacts import leave_surveys
from flows.events import BLS_CHANGED
from flows.fan_out import MOST_TASKS, fan_out
from flows.ingest import ingest
from flows.run_names import mirror_run, titled
from flows.states import Result, as_error, conclude
from flows.surveys import SurveyRow, Surveys, incomplete, row_of
from flows.tasks import keep_front_page


@titled
@flow(
    name="mirror",
    flow_run_name=mirror_run,
    task_runner=ThreadPoolTaskRunner(max_workers=SURVEYS_AT_ONCE * IN_FLIGHT),  # type: ignore[arg-type]
    timeout_seconds=48 * 3600,
)
def mirror(
    surveys: list[str] | None = None,
    lake: str = "s3-bucket/lake",
    source: str = "bls-source/bls",
    contact: str | None = None,
    downloads_per_second: Annotated[float | None, Field(ge=0)] = None,
    recheck: bool = False,
    dry_run: bool = False,
    allow: list[Allowance] | None = None,
    tables: bool = True,
    revisions: bool = True,
    notice: str | None = None,
    tasks: Annotated[int, Field(ge=1, le=MOST_TASKS)] = 1,
) -> State[Any]:
    """Keep an exact, versioned mirror of BLS surveys.

    Lists each survey's folder, fetches only what is new, commits one immutable manifest, and makes
    the public view equal to it. Ends as Changed, Restamped, Unchanged or Repaired; Refused when a
    guard rejects what the publisher sent; Failed otherwise. Many surveys end by the weightiest of
    these, or as Incomplete when some of them failed or were refused: the others are up to date all
    the same. Nothing is ever uploaded twice.

    Args:
        surveys: Which surveys: a code (pr), a code with * or ? (c*), all, and any of these after a
            - to leave it out (-oe). Empty means pr (productivity).
        lake: Where to keep it: a block (s3-bucket/lake), a bucket (s3://bucket/prefix) or a path.
        source: Where to fetch it from: a block (bls-source/bls) or the URL that holds the surveys.
        contact: An e-mail address at which BLS can reach you. Empty takes the block's own.
        downloads_per_second: Overrides the block's pace (1 for BLS), which all surveys share; 0 is
            for a server of your own.
        recheck: Ask for every file again, also for those whose date and size are unchanged.
        dry_run: Show the plan and change nothing.
        allow: Guards to lift for this run, by name, when a person knows better.
        tables: Also keep the data files as Parquet tables, for Athena, DuckDB and polars.
        revisions: When data files changed, also say which values were added, removed or revised.
            Takes up to 25 s for each GB compared, after the mirror is up to date.
        notice: A block that notifies people when a release changed observations (webhook/…,
            slack-webhook/…): what, how many, the largest, and where to look. Empty: no notice.
        tasks: How many runs of this deployment may mirror the surveys at a time, small ones
            together and huge ones alone; they share the pace. 1 mirrors them all in this run.
    """
    patterns = surveys or ["pr"]
    polite = {"contact": contact, "downloads_per_second": downloads_per_second}
    wanted = {"tables": tables, "revisions": revisions}

    def work() -> Result:
        how: dict[str, Any] = {**wanted, "notice": notice_of(notice, revisions=revisions)}
        if tasks != 1:
            rules = {"recheck": recheck, "dry_run": dry_run, "allow": allow}
            given = {"lake": lake, "source": source, **polite, **rules, **wanted, "notice": notice}
            spread = fan_out(patterns, tasks, given)
            if spread is not None:
                result = _result(spread)
                keep_front_page(lake, result)
                return result
        root = open_bls_root(source, **polite)  # type: ignore[arg-type]
        choice = choose(root, open_lake(lake), patterns)
        options = Options(recheck, dry_run, frozenset(allow or ()))

        def bring(code: str) -> Outcome:
            # A store of its own counts what this survey costs; connections are the process's.
            publisher, store = root.survey(code), open_lake(lake)
            try:
                many = len(choice.codes) > 1
                return ingest(publisher, store, options, BLS_CHANGED, beside_others=many, **how)
            except NoSurvey as error:
                if ManifestLog(store, publisher.key).latest() is None:  # nobody ever had it
                    raise Misuse(error.what, error.remedy) from error
                raise

        with stops_workers():
            rows, answers = _side_by_side(choice.codes, bring)
        mixed = tuple(
            code for code, one in zip(choice.codes, answers, strict=True) if isinstance(one, Mixed)
        )
        done = Surveys(rows, dry_run=dry_run, unlisted=choice.unlisted, mixed=mixed)
        result = _result(done, answers)
        keep_front_page(lake, result)
        return result

    return conclude(work)


def notice_of(reference: str | None, *, revisions: bool) -> Notice | None:
    """Open the block that notices are sent through; None where none are to be sent.

    Raises:
        Misuse: There is no such block, it is of another kind, or revisions are not looked for.
    """
    if not reference:
        return None
    if not revisions:
        raise Misuse(
            "A notice lists revisions, and this run does not look for them.",
            "Leave revisions on, or leave the notice out.",
        )
    return open_notice(reference)


def _side_by_side(
    codes: Sequence[str], bring: Callable[[str], Outcome]
) -> tuple[tuple[SurveyRow, ...], list[Outcome | QuestError]]:
    """Bring each survey up to date; an error goes into its survey's row, and stops no other."""

    def one(code: str) -> tuple[SurveyRow, Outcome | QuestError]:
        raise_if_stopped()
        began = perf_counter()
        try:
            outcome = bring(code)
        except Exception as raised:  # noqa: BLE001 - one survey's bug hides no other's outcome
            error, took = as_error(raised), round(perf_counter() - began, 3)
            row = SurveyRow(code, error.outcome, seconds=took, what=error.what, remedy=error.remedy)
            emit(Step(f"{source_of(code)} {error.outcome}: {error.what}"))
            return row, error
        return row_of(code, outcome, perf_counter() - began), outcome

    if len(codes) == 1:  # in the main thread, where Prefect can enforce a step's timeout
        done = [one(codes[0])]
    else:
        with Workers(SURVEYS_AT_ONCE, "survey") as pool:
            running = [pool.submit(copy_context().run, one, code) for code in codes]
            done = [each.result() for each in running]
    return tuple(row for row, _ in done), [answer for _, answer in done]


def _result(surveys: Surveys, answers: Sequence[Outcome | QuestError] = ()) -> Result:
    leave_surveys(surveys)  # by which a run that started this one sums up
    if len(answers) == 1:
        (answer,) = answers
        return Result(errors=(answer,)) if isinstance(answer, QuestError) else Result((answer,))
    if surveys.unlisted:
        get_run_logger().warning(surveys.warning())
    lack = incomplete(surveys)
    outcomes = tuple(answer for answer in answers if not isinstance(answer, QuestError))
    return Result(outcomes, errors=(lack,) if lack else (), surveys=surveys)
