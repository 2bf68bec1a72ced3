"""Tags of the runs within a run: by them the automations know whose they are.

Prefect gives a run within a run neither its parent's deployment nor its tags, so that nothing would
tell the pipeline's `report` from another project's flow of that name.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from prefect import tags
from prefect.context import TagsContext
from prefect.runtime import flow_run

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def parts_tagged() -> Iterator[None]:
    """What is started within, as a run of its own, carries this run's tags."""
    with tags(*flow_run.tags):
        yield


@contextmanager
def tasks_untagged() -> Iterator[None]:
    """Tasks within carry no tags: for a tagged one Prefect asks its API for a slot first."""
    with TagsContext(current_tags=set()):
        yield
