"""`blsquest serve`: a daily run on this machine, by Prefect's own `serve`, until Ctrl-C."""

import asyncio
import fcntl
import os
import signal
import socket
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Annotated, Any, Literal, cast
from uuid import UUID

from cyclopts import Parameter
from cyclopts.validators import Number
from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, FlowRunFilter
from prefect.client.schemas.objects import (
    ConcurrencyLimitConfig,
    ConcurrencyLimitStrategy,
    DeploymentStatus,
    FlowRun,
    State,
    StateType,
)
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import FlowRunSort
from prefect.deployments.runner import DeploymentApplyError, RunnerDeployment
from prefect.events import DeploymentEventTrigger
from prefect.exceptions import (
    ObjectLimitReached,
    ObjectUnsupported,
    TerminationSignal,
)
from prefect.runner import Runner
from prefect.schedules import Cron
from prefect.server.schemas.schedules import CronSchedule
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_HOME,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE,
    PREFECT_UI_API_URL,
    PREFECT_UI_ENABLED,
    PREFECT_UI_STATIC_DIRECTORY,
    PREFECT_UI_URL,
    temporary_settings,
)
from prefect.states import Crashed
from prefect.types.entrypoint import EntrypointType

from blocks.api import ApiError, check_api_settings, explain_api
from blocks.lake import REFERENCE, open_lake
from blsquest import __version__
from blsquest.core.errors import Misuse, QuestError
from blsquest.core.settings import is_server, one_line
from blsquest.lake.stores.directory import DirectoryStore, explain
from blsquest.sources.bls import BLS_ROOT
from blsquest.sources.datausa import POPULATION_URL
from flows.audit import audit
from flows.cli.lake_commands import LakeOption, complain
from flows.cli.run import STOPS, check, exit_code_of, sample_parameters, signals_unwind
from flows.cli.server import check_home, check_writable, whole_server
from flows.events import BLS_CHANGED, POPULATION_CHANGED
from flows.mirror import mirror
from flows.pipeline import pipeline
from flows.population import population
from flows.report import report

DAILY, MIRROR, POPULATION, REPORT, AUDIT = (
    f"served-{part}" for part in ("daily", "mirror", "population", "report", "audit")
)
"""The deployments' names: none is one of prefect.yaml's, whose place it would take."""

PROJECT = "bls-data-quest"
"""The tag of prefect.yaml's deployments, and the name of their work pool."""

PORT = 4200
SUNDAY_NOON = "0 12 * * 0"
FIELDS_OF_CRON = 5

LEASES = "prefect.server.concurrency.lease_storage.filesystem"
"""With Prefect's default, in memory, a restarted server would not know whose limits are held."""

ALONE = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
ONE_BY_ONE = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)


def serve(
    *,
    lake: LakeOption = "./lake",
    survey: list[str] | None = None,
    contact: Annotated[str | None, Parameter(env_var="BLS_CONTACT")] = None,
    cron: str = "50 8 * * *",
    timezone: str = "America/New_York",
    port: Annotated[int | None, Parameter(validator=Number(gte=1, lte=65535))] = None,
    api_url: str | None = None,
    sample: Literal[1, 2] | None = None,
) -> int:
    """Run the pipeline every day on this machine, until Ctrl-C; with the dashboard beside it.

    Audits the lake on Sundays at noon, and reports when a mirror or population run that was started
    by hand found something new. What was missed while it was off is made up for at its start. Its
    own Prefect server keeps what it knows in PREFECT_HOME, whatever PREFECT_API_URL says.

    Args:
        survey: The surveys' folders at BLS, the first one for the report; pr if none is given.
        contact: An e-mail address at which BLS can reach you.
        cron: When to run: minute, hour, day, month, weekday. BLS releases at 8:30 New York time.
        timezone: The time zone of --cron.
        port: Where its server and dashboard answer, on this machine alone; 4200 if not given.
        api_url: The Prefect server to use instead of its own, for example "$PREFECT_API_URL".
        sample: Serve this release of the generated sample sources, and use them.
    """
    try:
        check_api_settings()
        with signals_unwind(), ExitStack() as stack:
            parameters = {
                "surveys": [code.strip().lower() for code in survey or ["pr"]],
                "lake": lake,
                "bls_source": BLS_ROOT,
                "population_source": POPULATION_URL,
                "contact": contact,
                "downloads_per_second": None,
            }
            if sample is not None:
                parameters |= sample_parameters(stack, parameters, sample)
            next_run(cron, timezone, datetime.now(UTC))
            _check_server(api_url, port)
            check("pipeline", parameters)
            listener = None if api_url else stack.enter_context(_listener(port or PORT))
            parameters["lake"] = _alone(stack, lake)
            with _server(listener, api_url) as server, explain_api():
                runner = _Runner(pause_on_shutdown=False)
                upcoming = _register(runner, parameters, cron, timezone, own=api_url is None)
                print(f"Serving {parameters['lake']}; Ctrl-C ends it.")
                print(f"  next run   {upcoming}")
                print(f"  dashboard  {PREFECT_UI_URL.value()}", flush=True)
                _run(runner, server)
    except QuestError as error:
        return complain(error)
    except STOPS as stop:
        return exit_code_of(stop)
    return 0


def next_run(cron: str, timezone: str, after: datetime) -> datetime:
    """Return a schedule's first time after a moment, in its own zone.

    Raises:
        Misuse: It does not have five fields, its day never comes, or there is no such zone.
    """
    wrong = Misuse(
        f"--cron {cron!r} in --timezone {timezone!r} names no time that ever comes.",
        "Write five fields and a zone, for example --cron '50 8 * * *' --timezone Europe/Berlin.",
    )
    if len(cron.split()) != FIELDS_OF_CRON or not timezone:
        raise wrong
    try:
        schedule = CronSchedule(cron=cron, timezone=timezone)
        (first,) = asyncio.run(schedule.get_dates(n=1, start=after + timedelta(seconds=1)))
    except ValueError as error:  # pydantic's and croniter's are
        raise wrong from error
    return first


def is_missed(cron: str, timezone: str, last: datetime | None, now: datetime) -> bool:
    """Return whether a scheduled time has come since the last run began, or no run ever began."""
    return last is None or next_run(cron, timezone, last) <= now


def _check_server(api_url: str | None, port: int | None) -> None:
    if api_url is None:
        return
    if port is not None:
        raise Misuse(
            "--port is where this command's own server answers, and --api-url names another.",
            "Give one of the two.",
        )
    if not is_server(one_line("--api-url", api_url)):
        raise Misuse("--api-url is not like http://host:4200/api.", "Correct it.")


@contextmanager
def _listener(port: int) -> Iterator[socket.socket]:
    try:
        listener = socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise Misuse(
            f"Port {port} is not free ({os.strerror(error.errno or 0)}): the dashboard needs it.",
            "Another `blsquest serve` or `make dashboard` may have it; --port takes another.",
        ) from error
    with listener:
        yield listener


def _alone(stack: ExitStack, lake: str) -> str:
    """Keep other `serve`s away from this lake and PREFECT_HOME until the stack ends.

    The log of manifests is the lake's lock; this only spares the work of the second. The system
    lets go of it with the process, and it leaves no file.

    Returns:
        The lake as runs are to find it from any folder.

    Raises:
        Misuse: Another one is at work there.
        StoreError: The lake can't be written.
    """
    check_home()
    home, remedy = PREFECT_HOME.value(), "Set another PREFECT_HOME for this one."
    _hold(stack, home, "keeps its runs in", remedy)
    if REFERENCE.fullmatch(lake):
        return lake
    store = open_lake(lake)
    if not isinstance(store, DirectoryStore):
        return lake
    with explain(store.root):
        store.root.mkdir(exist_ok=True)
        check_writable(store.root)
    _hold(stack, store.root, "serves the lake", "End it first, or name another lake.")
    return str(store.root)


def _hold(stack: ExitStack, folder: Path, what: str, remedy: str) -> None:
    handle = os.open(folder, os.O_RDONLY)
    stack.callback(os.close, handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Misuse(f"Another `blsquest serve` {what} {folder}.", remedy) from None
    except OSError:  # a network's file system may have no such locks
        return


@contextmanager
def _server(
    listener: socket.socket | None, api_url: str | None
) -> Iterator[subprocess.Popen[bytes] | None]:
    """Let Prefect here, and the runs that it starts, use one server; yield its process if ours."""
    if listener is None:
        with temporary_settings({PREFECT_API_URL: api_url and api_url.rstrip("/")}):
            yield None
        return
    host, port = listener.getsockname()
    url = f"http://{host}:{port}/api"
    # Prefect writes the pages anew for each address; where it is installed may be read-only.
    pages = PREFECT_UI_STATIC_DIRECTORY.value() or str(PREFECT_HOME.value() / "ui")
    settings = {
        PREFECT_API_URL: url,
        PREFECT_UI_API_URL: url,
        PREFECT_UI_URL: f"http://{host}:{port}",
        PREFECT_UI_ENABLED: True,
        PREFECT_UI_STATIC_DIRECTORY: pages,
        PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE: LEASES,
        PREFECT_SERVER_ANALYTICS_ENABLED: False,
    }
    with temporary_settings(settings), whole_server(listener) as process:
        yield process


def deployments(
    parameters: dict[str, Any], cron: str, timezone: str
) -> tuple[RunnerDeployment, ...]:
    """Return what is served: the five flows, two of them on a schedule, one on a trigger."""
    lake, surveys = {"lake": parameters["lake"]}, parameters["surveys"]
    polite = {name: parameters[name] for name in ("lake", "contact", "downloads_per_second")}
    of_bls = {**polite, "surveys": surveys, "source": parameters["bls_source"]}
    of_census = {**polite, "source": parameters["population_source"]}
    daily = Cron(cron, timezone=timezone, slug=DAILY)
    weekly = Cron(SUNDAY_NOON, timezone=timezone, slug=AUDIT)
    changed = DeploymentEventTrigger(
        name="Served: report when an ingest found something new",
        expect={BLS_CHANGED, POPULATION_CHANGED},
        match={
            "prefect.resource.id": [f"{PROJECT}.bls.*", f"{PROJECT}.census"],
            "by": "itself",
            "report": "due",
        },
        parameters={"survey": "{{ event.resource['survey'] }}"},
    )
    of_report = {**lake, "survey": surveys[0]}

    def served(
        flow: Flow[..., Any],
        name: str,
        given: dict[str, Any],
        limit: ConcurrencyLimitConfig | None,
        **when: Any,
    ) -> RunnerDeployment:
        # Found by its module from any folder; a path would be one of the folder that this began in.
        how = {"entrypoint_type": EntrypointType.MODULE_PATH, "concurrency_limit": limit, **when}
        made = flow.to_deployment(
            name, parameters=given, tags=["served"], version=__version__, **how
        )
        return cast("RunnerDeployment", made)

    return (
        served(pipeline, DAILY, parameters, ALONE, schedule=daily),
        served(mirror, MIRROR, of_bls, None),
        served(population, POPULATION, of_census, ALONE),
        served(report, REPORT, of_report, ONE_BY_ONE, triggers=[changed]),
        served(audit, AUDIT, lake, ALONE, schedule=weekly),
    )


def _register(
    runner: Runner, parameters: dict[str, Any], cron: str, timezone: str, *, own: bool
) -> str:
    """Register the deployments, start a run if one was missed, and say when the next one is."""
    lake = parameters["lake"]
    if REFERENCE.fullmatch(lake):
        open_lake(lake)
    wanted = deployments(parameters, cron, timezone)
    with get_client(sync_client=True) as client:
        ours = DeploymentFilter.model_validate({"name": {"any_": [one.name for one in wanted]}})
        there = {one.name: one for one in client.read_deployments(deployment_filter=ours)}
        _refuse_beside_others(client, there.values(), lake)
        for deployment in wanted:
            if found := there.get(deployment.name):
                _tidy(client, found, own=own)
                keep_paused(deployment, found)
        try:
            daily, *_ = [cast("UUID", runner.add_deployment(deployment)) for deployment in wanted]
        except (DeploymentApplyError, ObjectLimitReached, ObjectUnsupported) as error:
            raise ApiError(
                f"The Prefect server did not take what is to be served: {error}.",
                "Its plan may be too small for five deployments and an automation: leave --api-url "
                "out, or make room there.",
            ) from error
        if wanted[0].paused or not all(schedule.active for schedule in wanted[0].schedules or ()):
            return "none: it was paused in the dashboard"
        now = datetime.now(UTC)
        begun = [r.start_time for r in _runs(client, daily) if r.parameters.get("lake") == lake]
        if is_missed(cron, timezone, max(filter(None, begun), default=None), now):
            client.create_flow_run_from_deployment(daily)
            return "now"
    return f"{next_run(cron, timezone, now):%Y-%m-%d %H:%M %Z}"


def keep_paused(deployment: RunnerDeployment, there: DeploymentResponse) -> None:
    """Keep what a person paused in the dashboard paused: registering it would resume it."""
    active = {schedule.slug: schedule.active for schedule in there.schedules}
    for schedule in deployment.schedules or ():
        schedule.active = active.get(schedule.slug, True)
    if there.paused:
        deployment.paused = True


def _refuse_beside_others(
    client: SyncPrefectClient, there: Iterable[DeploymentResponse], lake: str
) -> None:
    """Refuse a server on which the project is deployed, or another lake is served just now."""
    tagged = DeploymentFilter.model_validate({"tags": {"all_": [PROJECT]}})
    pools = [pool.name for pool in client.read_work_pools()]
    if PROJECT in pools or client.read_deployments(deployment_filter=tagged, limit=1):
        raise Misuse(
            "That Prefect server has the project's work pool or deployments: it runs there daily.",
            "Use another server: without --api-url this command starts its own, in PREFECT_HOME.",
        )
    for deployment in there:
        other = deployment.parameters.get("lake")
        if deployment.status == DeploymentStatus.READY and other != lake:
            raise Misuse(
                f"That Prefect server has `blsquest serve` for another lake ({other}).",
                "End it and wait a minute, or use another server.",
            )


def _tidy(client: SyncPrefectClient, deployment: DeploymentResponse, *, own: bool) -> None:
    """Clean up the runs that an earlier `serve` left: late ones, and on its own server dead ones.

    Late ones have its parameters; a missed day is made up for once, by `is_missed`.
    """
    late = {"next_scheduled_start_time": {"before_": datetime.now(UTC)}}
    for run in _runs(client, deployment.id, StateType.SCHEDULED, **late):
        if run.auto_scheduled:
            client.delete_flow_run(run.id)
    if not own:  # another machine may run it
        return
    for run in _runs(client, deployment.id, StateType.PENDING, StateType.RUNNING):
        ended: State[Any] = Crashed(message="`blsquest serve` was ended while it ran.")
        client.set_flow_run_state(run.id, ended, force=True)


def _runs(
    client: SyncPrefectClient, deployment: UUID, *types: StateType, **which: Any
) -> list[FlowRun]:
    """Read the newest runs of a deployment, by default in any state."""
    wanted = {"deployment_id": {"any_": [deployment]}, **which}
    if types:
        wanted["state"] = {"type": {"any_": types}}
    return client.read_flow_runs(
        flow_run_filter=FlowRunFilter.model_validate(wanted), sort=FlowRunSort.START_TIME_DESC
    )


class _Runner(Runner):
    """Prefect's runner, which also ends on Ctrl-C and a lost terminal as it does on SIGTERM."""

    signalled: int | None = None
    alone: bool = False  # its server has ended

    def handle_sigterm(self, *args: Any, **_: Any) -> None:
        """End the runs, then this."""
        number: int = args[0]
        if not self.started and self.signalled is None:
            raise TerminationSignal(signal=number)
        if self.signalled is None:
            self.signalled = number
            self.stopping = True
            self.execute_in_background(self.astop)


def _run(runner: _Runner, server: subprocess.Popen[bytes] | None) -> None:
    """Run what is scheduled until a signal comes or the server is gone.

    Raises:
        TerminationSignal: A signal came; everything that ran has ended.
        ApiError: The server ended, or does not answer any more.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, runner.handle_sigterm)
    if server is not None:
        Thread(target=_end_without, args=(server, runner), daemon=True).start()
    try:
        asyncio.run(runner.start())  # ends by itself when the server has been away for long
    except ExceptionGroup as group:
        raise group.exceptions[0] from group
    finally:
        runner.stopping = True
    if runner.signalled is not None and not runner.alone:
        raise TerminationSignal(signal=runner.signalled)
    raise ApiError("The Prefect server ended, or does not answer any more.", "Start this again.")


def _end_without(server: subprocess.Popen[bytes], runner: _Runner) -> None:
    server.wait()
    if not runner.stopping:
        runner.alone = True
        os.kill(os.getpid(), signal.SIGTERM)
