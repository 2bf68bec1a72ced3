"""The analysis notebook, run cell by cell in a real Jupyter kernel."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[2]
NOTEBOOK = PROJECT / "docs" / "analysis.ipynb"

# The kernel talks over loopback, where anyone on the machine could listen.
_ENCRYPTED = Config({"KernelManager": {"transport_encryption": "required"}})


def read_notebook() -> Any:
    """Return the notebook as it is in git."""
    return nbformat.read(NOTEBOOK, as_version=4)


@dataclass
class Running:
    """The notebook in its kernel.

    Attributes:
        client: Holds the notebook and its kernel.
    """

    client: NotebookClient

    def run_all(self) -> None:
        """Run the notebook's cells from the first to the last.

        Raises:
            CellExecutionError: A cell raises an error; the later ones do not run.
        """
        for index, cell in enumerate(self.client.nb.cells):
            self.client.execute_cell(cell, index)

    def run(self, code: str) -> str:
        """Run further code, and return what it shows as plain text.

        Raises:
            CellExecutionError: The code raises an error.
        """
        cell = nbformat.v4.new_code_cell(code)
        self.client.nb.cells.append(cell)
        self.client.execute_cell(cell, len(self.client.nb.cells) - 1)
        return _texts(cell, "text/plain")

    def cell(self, cell_id: str) -> Any:
        """Return a cell by its id."""
        return next(cell for cell in self.client.nb.cells if cell.id == cell_id)

    def shown(self, cell_id: str, mime: str = "text/markdown") -> str:
        """Return what a cell shows."""
        return _texts(self.cell(cell_id), mime)

    def table(self, cell_id: str) -> list[list[str]]:
        """Return the rows of the table that a cell shows, without its header."""
        rows = re.findall(r"<tr>(.*?)</tr>", self.shown(cell_id, "text/html"))
        cells = [re.findall(r"<td>(.*?)</td>", row) for row in rows]
        return [[unescape(text).strip('"') for text in row] for row in cells if row]

    def charts(self) -> list[str]:
        """Return the images that all cells show."""
        shown = "".join(_texts(cell, "text/html") for cell in self.client.nb.cells)
        return re.findall(r"<img [^>]*>", shown)


@contextmanager
def notebook_in_kernel(lake: str, home: Path, **environment: str) -> Iterator[Running]:
    """Start a kernel for the notebook; nothing has run yet.

    Args:
        lake: The value of `LAKE`.
        home: An empty folder for what Jupyter writes beside the notebook.
        environment: More variables, such as `AS_OF`.
    """
    own = {"LAKE": lake, "AS_OF": "", "PYTHONPATH": str(PROJECT), "HOME": str(home)}
    client = NotebookClient(
        read_notebook(),
        timeout=120,
        config=_ENCRYPTED,
        resources={"metadata": {"path": str(NOTEBOOK.parent)}},
    )
    manager = client.create_kernel_manager()
    manager.connection_file = str(home / "kernel.json")
    with client.setup_kernel(env=os.environ | own | {"IPYTHONDIR": str(home)} | environment):
        yield Running(client)


def _texts(cell: Any, mime: str) -> str:
    outputs = [output.get("data", {}) for output in cell.get("outputs", ())]
    return "".join(data.get(mime, "") for data in outputs)
