"""How a contender written in Python says what it took, its imports left out."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def print_time(work: Callable[[], object], unit: str = "") -> None:
    """Do the work; print its seconds as JSON, and its result as a note if it has a unit."""
    began, cpu = time.perf_counter(), time.process_time()
    result = work()
    took = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}
    print(json.dumps({**took, "note": f"{result:,} {unit}" if unit else ""}))  # noqa: T201
