"""The images that can be pulled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.e2e.ecs_standin.container import Image


@dataclass
class Registry:
    """Images by reference.

    Attributes:
        images: `repository:tag` → what it holds.
    """

    images: dict[str, Image] = field(default_factory=dict)

    def pull(self, reference: str) -> Image:
        """The image of that reference.

        Raises:
            LookupError: There is none; in ECS's words.
        """
        if reference not in self.images:
            raise LookupError(
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): "
                f"failed to resolve ref {reference}: {reference}: not found"
            )
        return self.images[reference]
