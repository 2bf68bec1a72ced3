"""A transfer's progress in the dashboard: one artifact a run, updated seldom."""

from __future__ import annotations

from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.logging import get_run_logger

from flows.dashboard import tell

if TYPE_CHECKING:
    from uuid import UUID

EVERY = 5.0
"""Seconds between updates: each is a request to the Prefect API."""


class Progress:
    """Counts bytes from several threads; call it with each number of bytes that arrived."""

    def __init__(self, source: str, total: int) -> None:
        self._total = total
        self._seen = 0
        self._told = monotonic()
        self._lock = Lock()
        self._logger = get_run_logger()
        # Prefect's functions serve both worlds by their types; called in a sync flow they return.
        self._artifact: UUID | None = tell(  # type: ignore[assignment]
            self._logger,
            "the transfer's progress",
            lambda: create_progress_artifact(
                0.0,
                key=f"transfer-{source.replace('/', '-')}",
                description=f"Transfer from {source}"
                + (f": {total:,} bytes announced" if total else ""),
            ),
        )

    def __call__(self, received: int) -> None:
        """Count bytes; tell the dashboard when it was not told for a while."""
        with self._lock:
            self._seen += received
            if monotonic() - self._told < EVERY:
                return
            self._told = monotonic()
            percent = min(99.0, 100 * self._seen / self._total) if self._total else 0.0
        self._tell(percent)

    def done(self) -> None:
        """The transfer ended."""
        self._tell(100.0)

    def _tell(self, percent: float) -> None:
        # While one thread waits for the API, which may be away, the others have nothing to tell.
        artifact, self._artifact = self._artifact, None
        if artifact is not None:
            self._artifact = tell(  # type: ignore[assignment]
                self._logger,
                "the transfer's progress",
                lambda: update_progress_artifact(artifact, percent),
            )
