"""Publishers' text and exact numbers, made fit to be shown to people."""

from __future__ import annotations

from decimal import Decimal


def printable(text: str) -> str:
    """The text with a replacement character for each control or direction code in it."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def number(value: Decimal | float | None) -> str:
    """A number for people: thousands separated, exact decimals without their trailing zeros."""
    if value is None:
        return "unknown"
    if isinstance(value, Decimal):
        whole, _, places = f"{value:,f}".partition(".")
        return f"{whole}.{places.rstrip('0')}".rstrip(".")
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"
