"""Which files of a generation are a survey's data files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blsquest.core.source import is_data_file, survey_of

if TYPE_CHECKING:
    from blsquest.lake.manifest import Entry, Manifest


def data_prefix(survey: str) -> str:
    """Return what the names of a survey's data files begin with."""
    return f"{survey}.data."


def data_files(manifest: Manifest) -> list[Entry]:
    """Return a generation's data files, which BLS's naming convention tells from code tables."""
    prefix = data_prefix(survey_of(manifest.source))
    return [entry for entry in manifest.files if is_data_file(prefix, entry.name)]


def aspect_files(manifest: Manifest) -> list[Entry]:
    """Return a generation's aspect file, if it has one: `<survey>.aspect`."""
    name = f"{survey_of(manifest.source)}.aspect"
    return [entry for entry in manifest.files if entry.name == name]
