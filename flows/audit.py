"""The flow `audit`: re-hash the lake against its manifests (fixity)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from blocks.lake import open_lake
from blsquest.core.errors import QuestError
from blsquest.lake.audit import as_error
from blsquest.lake.audit import audit as audit_lake
from flows.dashboard import as_text, tell
from flows.results import Result
from flows.run_names import audit_and_day
from flows.states import completed, failed

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

    from blsquest.lake.audit import Audited
    from blsquest.lake.stores.base import Store


@task(name="re-hash", cache_policy=NO_CACHE, persist_result=False, timeout_seconds=24 * 3600)
def rehash(store: Store, share: float) -> Audited:
    """Read the whole lake."""
    return audit_lake(store, share=share)


@flow(name="audit", flow_run_name=audit_and_day, timeout_seconds=24 * 3600)
def audit(lake: str = "s3-bucket/lake", share: float = 1.0) -> State[Any]:
    """Check that the lake is what its manifests say.

    Re-hashes vintages, checks the chain of manifests, the public view, and names missing objects,
    orphans and abandoned uploads. Changes nothing. Ends Sound, or as a Failed state named Damaged.

    Args:
        lake: Where it is kept: a block (s3-bucket/lake), a bucket (s3://bucket/prefix) or a path.
        share: Which part of the vintages to re-hash, from 0 to 1; presence is always checked.
    """
    try:
        audited = rehash(open_lake(lake), share)
    except QuestError as error:
        return failed(error, data=error)
    rows = audited.rows() or [{"severity": "none", "what": "nothing found"}]
    tell(
        get_run_logger(),
        "the table of findings",
        lambda: create_table_artifact(as_text(rows), key="audit", description=audited.sentence()),
    )
    damage = as_error(audited)
    if damage is None:
        return completed(audited)
    return failed(damage, data=Result((), None, (damage,), audited))


if __name__ == "__main__":
    from flows.cli import command_line

    command_line(audit)
