"""Lakes that hold any survey, of files that a test writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from blsquest.lake.log import ManifestLog
from blsquest.lake.manifest import Manifest
from blsquest.lake.run import Options, run
from blsquest.lake.stores.base import Store
from blsquest.sources.bls import BlsSurvey
from blsquest.sources.sample.server import SampleServer
from tests.support.lakes import Clock, client, release
from tests.support.pasts import data

rows = data
"""Return a data file's text, of any survey."""


def table(*lines: str) -> str:
    """Return a small file's text; a `|` is a tab."""
    return "".join(f"{line}\r\n" for line in lines).replace("|", "\t")


@dataclass
class Surveys:
    """A lake that takes in what a server publishes of any survey."""

    server: SampleServer
    store: Store

    def take(self, code: str, files: Mapping[str, str | bytes], month: int = 1) -> Manifest:
        """Publish files as the release of a month of 2025, mirror them, return the generation.

        The files are texts by what follows `<code>.` in their names.
        """
        named = {f"{code}.{name}": text for name, text in files.items()}
        moment = datetime(2025, month, 1, 12, tzinfo=UTC)
        self.server.surveys[code] = release(named, moment.replace(hour=11))
        self.server.now = Clock(moment)
        survey = BlsSurvey(code, client(), self.server.bls_url)
        options = Options(allow=frozenset({"removals", "no-data"}))
        run(survey, self.store, options, now=self.server.now)
        return ManifestLog(self.store, survey.key).newest().manifest
