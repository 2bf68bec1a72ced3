"""Flow runs in a process of their own, against a running server: of nothing, or of `mirror`.

    python -m benchmarks.prefect_worker trivial|mirror URL LAKE SURVEYS

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
    else:
        mirror([survey], lake, tables=False, **polite)
    used = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}
    print(f"\n{json.dumps(used)}")  # noqa: T201 - what its starter reads


if __name__ == "__main__":
    main()
