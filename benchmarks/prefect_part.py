"""What Prefect costs around the plain run, against a running server, the heartbeat included."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.contenders import US, Row, environment, measure
from benchmarks.measure import measured
from benchmarks.site import site
from tests.support.prefect_server import clean_environment, run_prefect_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.mirroring import Size
    from benchmarks.stage import Stage


def prefect(stage: Stage, size: Size) -> Iterator[Row]:
    """An unchanged `mirror` beside a flow that does nothing; all files new, with and without."""
    home = stage.folder / "prefect"
    home.mkdir()
    shape = [size.surveys, size.files, size.size // 20]
    code = next(iter(site(*shape)))
    with contextmanager(run_prefect_server)(home) as server:
        reached = clean_environment(home) | environment(stage) | {"PREFECT_API_URL": server.api_url}

        def flow_run(work: str, kind: str, bucket: str, surveys: str = code) -> Row:
            stage.publish()
            given = [kind, stage.url, f"s3://{bucket}/lake", surveys]
            used = measured([sys.executable, "-m", "benchmarks.prefect_worker", *given], reached)
            if used.code:
                raise RuntimeError(f"{work}: {used.errors}")
            told = json.loads(used.output.rsplit("\n", 2)[-2])
            asked = stage.publish()
            peer = "flow that does nothing" if kind == "trivial" else f"flow {kind}"
            return Row(
                work,
                peer,
                told["seconds"],
                told["cpu"],
                used.peak_mib,
                asked["requests"],
                asked["sent"],
                asked["in_flight"],
                {},
            )  # fmt: skip -- in the order of the class

        stage.publish(site=shape, latency=0.0)
        bucket = stage.s3.fresh_bucket()
        measure(stage, "", US, bucket)
        for _ in range(size.runs):
            yield flow_run("unchanged, one survey", "trivial", bucket)
            yield flow_run("unchanged, one survey", "mirror", bucket)
        stage.empty(bucket)
        work = "all files new"
        for _ in range(size.runs):
            for by_flow in (False, True):
                bucket = stage.s3.fresh_bucket()
                if by_flow:
                    yield flow_run(work, "mirror", bucket, "all")
                else:
                    yield measure(stage, work, US, bucket)
                stage.empty(bucket)


PREFECT: dict[str, Callable[[Stage, Size], Iterator[Row]]] = {"prefect": prefect}
