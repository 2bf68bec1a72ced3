"""One mirror run in a process of its own, so that its peak memory is its own.

Usage: python -m benchmarks.worker BLS_URL LAKE. Prints one JSON object.
"""

from __future__ import annotations

import json
import resource
import sys
import time

from blocks.lake import open_lake
from blocks.publishers import open_bls
from flows.lake.run import run


def main() -> None:
    """Run once and tell what it took."""
    url, lake = sys.argv[1:]
    store = open_lake(lake)
    source = open_bls(url, "pr", contact="bench@example.org", downloads_per_second=0)
    started, cpu = time.perf_counter(), time.process_time()
    outcome = run(source, store)
    print(  # noqa: T201 - what this module is for
        json.dumps(
            {
                "outcome": outcome.name,
                "seconds": round(time.perf_counter() - started, 3),
                "cpu": round(time.process_time() - cpu, 3),
                "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                "source_requests": sum(outcome.asked.requests.values()),
                "storage_requests": outcome.stored.requests,
                "bytes": outcome.received,
            }
        )
    )


if __name__ == "__main__":
    main()
