"""The global concurrency limits that the runs of `surveys` hold their shares of the pace by.

The runs make them (`flows.shares`); what they cannot do is to put right one that a person switched
off or set to 0: every run would be refused, or wait for ever.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate

from deployments.changes import Thing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import GlobalConcurrencyLimitResponse

KIND = "concurrency limit"

_OURS = re.compile(r"bls-share-\d+")
_FIELDS = {"active": True, "limit": 1}


def present(limits: Iterable[GlobalConcurrencyLimitResponse]) -> list[Thing]:
    """Those of the project, in terms that can be compared."""
    ours = (limit for limit in limits if _OURS.fullmatch(limit.name))
    return [Thing(KIND, each.name, {"active": each.active, "limit": each.limit}) for each in ours]


def wanted(things: Iterable[Thing]) -> list[Thing]:
    """The limits among what is there, as they should be: how many there are is the runs' matter."""
    return [Thing(KIND, thing.name, _FIELDS) for thing in things if thing.kind == KIND]


def put_right(client: SyncPrefectClient, name: str) -> None:
    """Make a limit as wanted."""
    client.update_global_concurrency_limit(name, GlobalConcurrencyLimitUpdate(**_FIELDS))
