"""A real browser, for what only one can tell: what a page runs, loads, and shows."""

import subprocess
from pathlib import Path


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
