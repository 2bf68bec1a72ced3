"""A file's releases, as the log tells them: a generation with other bytes is another release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.lake.reader import entry_named

if TYPE_CHECKING:
    from flows.lake.log import ManifestLog
    from flows.lake.manifest import Generation
    from flows.lake.model import Entry


def release_before(
    log: ManifestLog, generation: Generation, name: str
) -> tuple[Generation, Entry] | None:
    """The last generation before this one in which a file had other bytes, and its entry then.

    One LIST, and one GET for each generation back to that one: few, since generations are
    committed only when something changed.

    Args:
        log: The source's.
        generation: It has the file.
        name: The file's.

    Returns:
        None where there is no such generation.
    """
    now = entry_named(generation.manifest, name)
    earlier = (n for n in log.generations() if n < generation.manifest.generation)
    for number in sorted(earlier, reverse=True):
        candidate = log.read(number)
        entry = entry_named(candidate.manifest, name)
        if entry is not None and now is not None and entry.sha256 != now.sha256:
            return candidate, entry
    return None
