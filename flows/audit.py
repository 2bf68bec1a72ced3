"""The flow `audit`: is the lake what its manifests say?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from prefect import flow, task
from prefect.client.schemas.objects import State  # noqa: TC002 - Prefect reads the annotations
from pydantic import Field

from blocks.lake import open_lake
from blsquest.lake.audit import Audited, as_error
from blsquest.lake.audit import audit as audit_lake
from flows.artifacts import leave_findings
from flows.run_names import audit_run
from flows.states import Result, conclude
from flows.tasks import ONCE

if TYPE_CHECKING:
    from blsquest.lake.stores.base import Store


@task(name="re-hash", timeout_seconds=24 * 3600, **ONCE)
def rehash(store: Store, share: float) -> Audited:
    """Read the whole lake."""
    return audit_lake(store, share=share)


@flow(name="audit", flow_run_name=audit_run, timeout_seconds=24 * 3600)
def audit(
    lake: str = "s3-bucket/lake", share: Annotated[float, Field(ge=0, le=1)] = 1.0
) -> State[Any]:
    """Check that the lake is what its manifests say.

    Re-hashes vintages, checks the chain of manifests, the public view, and names missing objects,
    orphans and abandoned uploads. Changes nothing. Ends Sound, or as a Failed state named Damaged.

    Args:
        lake: Where it is kept: a block (s3-bucket/lake), a bucket (s3://bucket/prefix) or a path.
        share: Which part of the vintages to re-hash, from 0 to 1; presence is always checked.
    """

    def work() -> Result:
        audited: Audited = rehash(open_lake(lake), share)
        leave_findings(audited)
        damage = as_error(audited)
        return Result(errors=(damage,) if damage else (), audited=audited)

    return conclude(work)
