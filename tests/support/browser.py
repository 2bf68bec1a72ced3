"""A real browser, for what only one can tell: what a page runs, loads, and shows."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def find_browser() -> str:
    """Return a Chromium's path; skip the test where there is none."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"needs a browser: none of {', '.join(BROWSERS)} is on the PATH")
    return found


def document(browser: str, url: str, profile: Path) -> str:
    """Return the page's document once all is loaded and has run."""
    command = [
        browser,
        "--headless=new",
        "--no-sandbox",  # the tests may run as root in a container
        "--disable-gpu",
        f"--user-data-dir={profile}",
        "--virtual-time-budget=20000",
        "--dump-dom",
        url,
    ]
    dumped = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    return dumped.stdout
