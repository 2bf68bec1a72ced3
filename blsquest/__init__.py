"""Read a lake of BLS time series from Python: `from blsquest import Lake`.

    from blsquest import Lake

    lake = Lake("./lake")
    lake.observations("pr", as_of="2025-08-15").filter(year=2024).collect()

docs/library.md has an example for each method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blsquest.library import Lake

__version__ = "0.2.0"
"""As in pyproject.toml; publishers see it in the User-Agent."""

__all__ = ["Lake", "__version__"]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import `Lake` when it is first used: every room imports this package."""
        if name == "Lake":
            from blsquest.library import Lake

            return Lake
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
