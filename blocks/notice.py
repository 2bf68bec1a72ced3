"""The notice of a release: the Prefect block that it is sent through, by reference.

The block's address is a secret: no message, log line or error holds it, nor what may hold it.
"""

import asyncio
import inspect
import logging
from contextlib import nullcontext
from dataclasses import dataclass
from threading import Thread
from typing import Any

from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.core import Block
from prefect.blocks.webhook import Webhook

from blocks.lake import REFERENCE
from blsquest.core.errors import Misuse, QuestError

AGAIN = "The next run tries again."
SECONDS = 20.0
"""What sending may take in all, whatever the receiver does."""

_EXAMPLE = (
    "Write a block's type and name: webhook/bls-data-quest, which `python -m deployments apply` "
    "registers with NOTIFY_WEBHOOK_URL, or slack-webhook/… and the like. An address itself is a "
    "secret, and belongs into such a block."
)

# At this level httpx logs the address of each request.
logging.getLogger("httpx").setLevel(logging.WARNING)


class NotSentError(QuestError):
    """A notice did not arrive, as far as is known; trying again may help."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A block that notices are sent through."""

    reference: str
    block: Webhook | NotificationBlock

    def send(self, subject: str, text: str, *, within: float = SECONDS) -> None:
        """Send a text, as `{"text": …}` through a webhook; in a thread, and in bounded time.

        Raises:
            NotSentError: The receiver refused it, did not answer, or took too long.
        """
        ended: list[str] = []

        def work() -> None:
            try:
                asyncio.run(asyncio.wait_for(_deliver(self.block, subject, text), within))
                ended.append("")
            except TimeoutError:
                return
            except NotSentError as error:
                ended.append(error.what)
            except BaseException as error:  # noqa: BLE001 - whatever it is, its text may hold the address
                ended.append(type(error).__name__)

        thread = Thread(target=work, name="notice", daemon=True)
        thread.start()
        thread.join(within + 1)
        if why := ended[0] if ended else f"it took over {SECONDS:.0f} s":
            raise NotSentError(
                f"The notice was not sent through {self.reference}: {why}.",
                AGAIN,
            )


def check_notice(reference: str) -> None:
    """Refuse what can't be a block's reference; never show it, as it may be an address.

    Raises:
        Misuse: It is not a reference.
    """
    if not REFERENCE.fullmatch(reference):
        raise Misuse("The notice is no reference to a block.", _EXAMPLE)


def open_notice(reference: str) -> Notice:
    """Load the block of a reference.

    Raises:
        Misuse: There is no such block, or it is none that sends a text.
    """
    check_notice(reference)
    if not reference.startswith("webhook/"):
        import prefect.blocks.notifications  # noqa: F401 - makes its kinds known, and takes a while
    try:
        block: Any = Block.load(reference)
    except ValueError as error:
        raise Misuse(
            f"No block {reference} is registered in this Prefect workspace.", _EXAMPLE
        ) from error
    except (KeyError, RuntimeError) as error:
        if "API" in str(error):
            raise  # it can't be reached
        raise Misuse(f"The block {reference} cannot be read by this version.", _EXAMPLE) from error
    if not isinstance(block, Webhook | NotificationBlock):
        raise Misuse(f"The block {reference} sends no notices.", _EXAMPLE)
    return Notice(reference, block)


async def _deliver(block: Webhook | NotificationBlock, subject: str, text: str) -> None:
    if isinstance(block, Webhook):
        # Its client takes one call: each has a block of its own.
        fields = {name: getattr(block, name) for name in Webhook.model_fields}
        response = await Webhook(**fields).call({"text": text})
        if not response.is_success:
            raise NotSentError(f"the receiver answered {response.status_code}", AGAIN)
        return
    with getattr(block, "raise_on_failure", nullcontext)():
        sending: Any = block.notify(text, subject)
        if inspect.isawaitable(sending):
            await sending
