"""Flow runs in a process of their own: `trivial`, `mirror` or `surveys`, against a running server.

    python -m benchmarks.prefect_worker trivial|mirror|surveys URL LAKE SURVEY

Prints the seconds of the flow's call, beyond imports.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from prefect import flow

from flows.mirror import mirror


@flow
def trivial() -> None:
    """Do nothing: what any flow run costs."""


def main() -> None:
    """Run one flow and tell how long it took."""
    kind, url, lake, survey = sys.argv[1:5]
    polite: dict[str, Any] = {
        "contact": "bench@example.org",
        "downloads_per_second": 0.0,
        "source": url,
    }
    began, cpu = time.perf_counter(), time.process_time()
    if kind == "trivial":
        trivial()
    elif kind == "mirror":
        mirror(surveys=[survey], lake=lake, tables=False, **polite)
    else:
        mirror(surveys=["all"], lake=lake, tables=False, **polite)
    told = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}
    print(f"\n{json.dumps(told)}")  # noqa: T201 - what its starter reads


if __name__ == "__main__":
    main()
