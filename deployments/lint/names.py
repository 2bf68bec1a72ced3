"""Names: what tells the project's things apart, and from others'."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from deployments.automations import TAG
from deployments.lint.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deployments.project_file import Deployment, ProjectFile

_PULL = "prefect.deployments.steps.set_working_directory"


def lint_names(file: ProjectFile) -> Iterator[Finding]:
    """Names that are taken, that the project would not know again, or that lead elsewhere."""
    names = Counter(deployment.full_name for deployment in file.deployments)
    for name, number in names.items():
        if number > 1:
            yield Finding(f"prefect.yaml {name}", "Its name is taken: the last one would win.")
    for deployment in file.deployments:
        yield from _lint_one(deployment, names)
    pools = sorted({deployment.work_pool.name for deployment in file.deployments})
    if len(pools) > 1:
        yield Finding("prefect.yaml", f"There is one work pool, not {' and '.join(pools)}.")
    step = file.pull[0] if len(file.pull) == 1 else {}
    given = step[_PULL] if step.keys() == {_PULL} else None
    directory = given.get("directory") if isinstance(given, dict) else None
    if not (isinstance(directory, str) and PurePosixPath(directory).is_absolute()):
        yield Finding(
            "prefect.yaml pull",
            f"It is not one step {_PULL} with an absolute directory: the code is in the image.",
        )


def _lint_one(deployment: Deployment, names: Iterable[str]) -> Iterator[Finding]:
    where = f"prefect.yaml {deployment.full_name}"
    if TAG not in deployment.tags:
        yield Finding(where, f"Without the tag {TAG} nothing watches it, or removes it later.")
    family = f"{TAG}-{deployment.full_name.replace('/', '-')}"
    if deployment.work_pool.job_variables.get("family") != family:
        yield Finding(where, f"Its family is not {family}: the worker's revisions would mix.")
    # The flow surveys starts runs of it by its name: a wrong one would show only then.
    starts = deployment.parameters.get("deployment")
    if starts and starts not in names:
        yield Finding(where, f"It starts runs of {starts}, which is none of {_list(names)}.")
    slugs = [schedule.slug for schedule in deployment.schedules]
    for slug in slugs:
        if not slug.startswith(f"{TAG}-") or slugs.count(slug) > 1:
            yield Finding(where, f"The slug {slug} must be unique, and begin with {TAG}-.")


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
