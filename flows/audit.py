"""The flow `audit`: is the lake what its manifests say?"""

from typing import Annotated, Any

from prefect import flow, task
from prefect.client.schemas.objects import State
from pydantic import Field

from blocks.lake import open_lake
from blsquest.core.progress import Step, emit
from blsquest.lake.findings import Audited, as_error
from blsquest.lake.stores.base import Store
from blsquest.products.audit import audit as audit_lake
from flows.artifacts import leave_findings
from flows.run_names import audit_run, titled
from flows.states import Result, conclude
from flows.tasks import ONCE


@task(name="re-hash", timeout_seconds=24 * 3600, **ONCE)
def rehash(store: Store, share: float, repair: bool) -> Audited:
    """Read the whole lake."""
    return audit_lake(store, share=share, repair=repair)


@titled
@flow(name="audit", flow_run_name=audit_run, timeout_seconds=24 * 3600)
def audit(
    lake: str = "s3-bucket/lake",
    share: Annotated[float, Field(ge=0, le=1)] = 1.0,
    repair: bool = False,
) -> State[Any]:
    """Check that the lake is what its manifests say.

    Re-hashes vintages, reports and tables, checks the chain of manifests and the public view, and
    names missing objects, orphans and abandoned uploads. Ends Sound or Repaired; or as a Failed
    state named Damaged (a person must restore something), Failed (something could not be looked
    at) or Repairable (what is derived is wrong). Changes nothing, except with repair.

    Args:
        lake: Where it is kept: a block (s3-bucket/lake), a bucket (s3://bucket/prefix) or a path.
        share: Which part of the vintages, reports and tables to re-hash, from 0 to 1; presence is
            always checked.
        repair: Make what is derived and wrong again from the log (the view, reports, tables);
            manifests and vintages are never touched.
    """

    def work() -> Result:
        store = open_lake(lake)
        emit(Step(f"reading {store.url}"))
        audited: Audited = rehash(store, share, repair)
        leave_findings(audited)
        error = as_error(audited)
        return Result(errors=(error,) if error else (), audited=audited)

    return conclude(work)
