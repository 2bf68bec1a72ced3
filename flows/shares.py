"""One holder for each share of BLS's pace, whatever was started twice: a limit in Prefect.

Which turns a share has needs no service (`blsquest.sources.share`). That no two runs take the same
ones does: a run that crashed and was started again, or one that a person starts by hand, waits
here until the share is free. A crashed holder's share is free when its lease has run out: 5
minutes.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from prefect.client.orchestration import get_client
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectNotFound
from prefect.logging import get_run_logger

from blocks.api import api_error
from blsquest.core.errors import Misuse
from flows.dashboard import tell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blsquest.sources.share import Share


def limit_of(share: Share) -> str:
    """`bls-share-2`: the global concurrency limit's name."""
    return f"bls-share-{share.number}"


def make_limits(shares: list[Share]) -> None:
    """Create the shares' limits where they are missing."""
    with get_client(sync_client=True) as client:
        for share in shares:
            client.upsert_global_concurrency_limit_by_name(limit_of(share), limit=1)


@contextmanager
def held(share: Share | None) -> Iterator[None]:
    """Hold a share alone, waiting for it if need be; None is the whole pace, held by nobody.

    Raises:
        Misuse: Its limit does not exist.
    """
    if share is None:
        yield
        return
    _say_if_taken(share)
    # Whoever lost the API for a while holds on: its turns are still its own.
    limit = concurrency(limit_of(share), strict=True, raise_on_lease_renewal_failure=False)
    with ExitStack() as stack:
        try:
            stack.enter_context(limit)
        except ConcurrencySlotAcquisitionError as error:
            if error.__cause__ is not None:  # the API's failure, and not its answer
                raise api_error(error.__cause__) or error from error
            raise Misuse(
                f"There is no concurrency limit {limit_of(share)} for the share "
                f"{share.number}/{share.of} of BLS's pace in this Prefect workspace.",
                f"Create it: prefect gcl create {limit_of(share)} --limit 1 (a run that starts "
                "others does so by itself).",
            ) from error
        yield


def _say_if_taken(share: Share) -> None:
    """Tell the log that another run has the share now, as far as the API says so."""
    logger = get_run_logger()

    def look() -> None:
        with get_client(sync_client=True) as client, suppress(ObjectNotFound):
            limit = client.read_global_concurrency_limit_by_name(limit_of(share))
            if limit.active_slots >= limit.limit:
                logger.info(
                    "Waiting for the share %s/%s of BLS's pace: another run has it (limit %s).",
                    share.number,
                    share.of,
                    limit.name,
                )

    tell(logger, "whether the share is free", look)
