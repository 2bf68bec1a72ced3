"""One mirror run over one or more surveys in a process of its own, so that its memory is its own.

    python -m benchmarks.worker BLS_URL LAKE [--surveys all] [--per-second 1] [--recheck]

Prints one JSON object; its seconds begin after the imports. It is what the flow `mirror` does,
without Prefect: surveys side by side, one client, the run of blsquest/lake.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from importlib import import_module
from typing import TYPE_CHECKING

from benchmarks.measure import peak_kib
from blocks.lake import open_lake
from blocks.publishers import open_bls_root
from blsquest.core.errors import QuestError
from blsquest.core.stop import Workers
from blsquest.lake.outcome import Outcome
from blsquest.lake.run import Options, run
from blsquest.products.surveys import choose
from blsquest.sources.http import SURVEYS_AT_ONCE

if TYPE_CHECKING:
    from blsquest.core.usage import Spent


def main() -> None:
    """Run once and tell what it took."""
    given = _arguments()
    if given.lake.startswith("s3://"):
        for module in (
            "blsquest.lake.stores.s3",
            "s3fs",
            "aiobotocore.session",
            "obstore.auth.boto3",
        ):
            import_module(module)
    root = open_bls_root(
        given.url, contact="bench@example.org", downloads_per_second=given.per_second
    )
    options = Options(recheck=given.recheck)

    def one(code: str) -> Outcome | QuestError:
        try:
            return run(root.survey(code), open_lake(given.lake), options)
        except QuestError as error:
            return error

    started, cpu = time.perf_counter(), time.process_time()
    lake = open_lake(given.lake)
    patterns = given.surveys.split(",")
    codes = choose(root, lake, patterns).codes if patterns == ["all"] else patterns
    with Workers(SURVEYS_AT_ONCE, "survey") as pool:
        ended = list(pool.map(one, codes))
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    outcomes = [o for o in ended if isinstance(o, Outcome)]
    failures = [str(o) for o in ended if isinstance(o, QuestError)]
    print(  # noqa: T201 - what this module is for
        json.dumps(
            {
                "outcome": " ".join(
                    sorted({o.name for o in outcomes} | ({"Failed"} if failures else set()))
                ),
                "failures": failures,
                "seconds": round(seconds, 3),
                "cpu": round(cpu, 3),
                "peak_mib": peak_kib() // 1024,
                "source_requests": sum(root.meter.spent().requests.values())
                + sum(_requests(o.asked) for o in outcomes),
                "storage_requests": sum(
                    (Counter(o.stored.requests) for o in outcomes),
                    Counter(lake.meter.spent().requests),
                ),
                "bytes": sum(o.received for o in outcomes),
            }
        )
    )
    sys.exit(bool(failures))


def _requests(spent: Spent) -> int:
    return sum(spent.requests.values())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worker")
    parser.add_argument("url")
    parser.add_argument("lake")
    parser.add_argument("--surveys", default="pr", help="codes with commas between, or all")
    parser.add_argument("--per-second", type=float, default=0.0)
    parser.add_argument("--recheck", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
