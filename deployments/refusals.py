"""What the Prefect API allows a workspace no more of: told with what was done, and how to go on.

Prefect Cloud answers 403 where a plan does not have a thing, or not so many of it. Its words are
quoted, for nobody else knows which limit it is; a key that may not do something gets a 403 too.
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from httpx import HTTPStatusError, Response

from blsquest.core.errors import QuestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deployments.changes import Change

_KINDS = {
    "work_pools": "work pool",
    "block_documents": "block",
    "deployments": "deployment",
    "automations": "automation",
}
"""By the first part of the API's path."""
_NEEDED = {
    "work pool": "The project needs one work pool of its own, with a worker of yours",
    "deployment": "The project needs 5 deployments",
    "automation": "The project needs 5 automations, or 3 with NOTIFY_WEBHOOK_URL=none",
}
_IN_OUTPUT = re.compile(r"403 Forbidden' for url '([^']+)'(?: - Response: (.*?) - For more)?")
"""How Prefect words a 403, in one line."""


class PlanRefused(QuestError):
    """The API allows no such thing, or no more of them.

    Attributes:
        kind: What was refused.
        words: What the API said.
    """

    def __init__(self, kind: str, words: str) -> None:
        self.kind, self.words = kind, words
        super().__init__(f"The Prefect API refused a {kind}: {words}")

    def after(self, done: Sequence[Change], left: Sequence[Change]) -> QuestError:
        """Return the error to end with.

        Args:
            done: The changes that were made before.
            left: Those that were not.
        """
        runs = "Nothing that has a schedule was left without what watches it."
        return QuestError(
            f"The Prefect API refused one {self.kind} more than this workspace may have, or than "
            f"this key may make (403): {self.words}\n"
            f"Done: {_listed(done)}.\nNot done: {_listed(left)}.\n{runs}",
            f"{_NEEDED.get(self.kind, 'The project needs it')}: delete what the workspace does not "
            "need, or take a plan that has it (docs/ecs.md), or a key that may; then run again: "
            "what is done is not done twice.",
        )


def refused(error: BaseException) -> PlanRefused | None:
    """Return the refusal that an error of Prefect's client is; None where it is another failure."""
    # Prefect's own exceptions for two of the refusals hold the answer.
    error = getattr(error, "http_exc", error)
    if not isinstance(error, HTTPStatusError) or error.response.status_code != HTTPStatus.FORBIDDEN:
        return None
    return PlanRefused(_kind(str(error.request.url)), _words(error.response))


def refused_in(output: str) -> PlanRefused | None:
    """Return the refusal that `prefect deploy` printed; None where it printed none."""
    found = _IN_OUTPUT.search(output)
    return PlanRefused(_kind(found[1]), found[2] or "it did not say why.") if found else None


def _kind(url: str) -> str:
    parts = re.split(r"[/?]", url)
    return next((kind for part, kind in _KINDS.items() if part in parts), "thing")


def _words(response: Response) -> str:
    """Return what the API said, from JSON or as it is."""
    try:
        said = response.json()
    except ValueError:
        return response.text or "it did not say why."
    detail = said.get("detail", said) if isinstance(said, dict) else said
    return detail if isinstance(detail, str) else json.dumps(detail)


def _listed(changes: Sequence[Change]) -> str:
    return "; ".join(f"{c.what} {c.kind} {c.name}" for c in changes) or "nothing"
