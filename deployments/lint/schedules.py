"""Schedules, as Prefect's own parser and the time-zone database see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.client.schemas.schedules import CronSchedule
from pydantic import ValidationError

from deployments.lint.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deployments.project_file import Deployment


def lint_schedules(deployment: Deployment) -> Iterator[Finding]:
    """A cron expression or a time zone that there is not."""
    for schedule in deployment.schedules:
        try:
            CronSchedule(cron=schedule.cron, timezone=schedule.timezone)
        except ValidationError as error:
            for problem in error.errors():
                yield Finding(
                    f"prefect.yaml {deployment.full_name} {schedule.slug}",
                    f"{problem['input']!r}: {problem['msg']}",
                )
