"""Schedules, as Prefect's own parser and the time-zone database see them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prefect._vendor.croniter.croniter import CroniterBadDateError, croniter
from prefect.client.schemas.schedules import CronSchedule
from pydantic import ValidationError

from deployments.lint.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deployments.project_file import Deployment


def lint_schedules(deployment: Deployment) -> Iterator[Finding]:
    """A cron expression or a time zone that there is not, or a date that never comes."""
    for schedule in deployment.schedules:
        where = f"prefect.yaml {deployment.full_name} {schedule.slug}"
        try:
            CronSchedule(cron=schedule.cron, timezone=schedule.timezone)
        except ValidationError as error:
            for problem in error.errors():
                yield Finding(where, f"{problem['input']!r}: {problem['msg']}")
            continue
        try:
            # The server's own parser; Prefect asks it for dates only there, and finds none.
            croniter(schedule.cron, datetime.now(UTC)).get_next(datetime)  # type: ignore[no-untyped-call]
        except CroniterBadDateError:
            yield Finding(where, f"{schedule.cron!r}: This date never comes: nothing would run.")
