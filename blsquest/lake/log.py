"""The manifest log of one source: read the newest, read an old one, commit the next."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

from blsquest.core.clock import time_text
from blsquest.core.errors import Corrupt, Missing, Misuse
from blsquest.core.source import POPULATION, SURVEYS, source_of, survey_of
from blsquest.lake.as_of import AsOf
from blsquest.lake.keys import MANIFESTS, generation_of, manifest_folder, manifest_key
from blsquest.lake.manifest import RESTORE, Entry, Generation, Manifest, decode, encode
from blsquest.lake.reader import entry_named
from blsquest.lake.record import read_record
from blsquest.lake.stores.base import Store

CODE_LENGTH = 2
"""Of a survey's code."""


class ManifestLog:
    """The log is the lock: generation N+1 is created with put-if-absent, once, by one run."""

    def __init__(self, store: Store, source: str) -> None:
        self.store = store
        self.source = source

    def generations(self) -> list[int]:
        """Return the numbers of all generations, ascending: one LIST (a page per 1,000).

        Raises:
            Corrupt: The one before the newest is missing, or the newest are stray manifests.
        """
        found = (generation_of(s.key) for s in self.store.list(manifest_folder(self.source)))
        numbers = sorted(n for n in found if n is not None)
        before, last = (-1, 0, *numbers)[-2:]
        if last != before + 1:
            raise self._broken_end(before, last)
        gap = last_gap(numbers)
        if gap > 0 and numbers[gap] - numbers[gap - 1] - 1 > len(numbers) - gap:
            # Wider than what follows it: that was not committed, unless the record knows of it.
            known = read_record(self.store, self.source).published
            if known is None or known.generation <= numbers[gap - 1]:
                raise self._broken_end(numbers[gap - 1], numbers[gap])
        return numbers

    def latest(self) -> Generation | None:
        """Return the newest generation, or None for an empty log: one LIST and one GET.

        Its parent is not checked: callers that rely on it do so (`newest`,
        `rollback.trusted_newest`).
        """
        numbers = self.generations()
        return self.read(numbers[-1]) if numbers else None

    def newest(self) -> Generation:
        """Return the newest generation once it follows from its parent, or Misuse: one GET more."""
        numbers = self.generations()
        if not numbers:
            raise self.empty()
        return self._following(self.read(numbers[-1]), numbers)

    def _following(self, found: Generation, numbers: Sequence[int]) -> Generation:
        """Return a generation; if it is the newest, check it against its parent."""
        if 1 < found.manifest.generation == numbers[-1]:
            self.parent_of(found)
        return found

    def parent_of(self, generation: Generation) -> Generation:
        """Return the parent of a generation after the first; Corrupt if it is missing or other."""
        number = generation.manifest.generation - 1
        try:
            parent = self.read(number)
        except Missing as error:
            raise self._hole(number, number) from error
        self._check(parent, generation)
        return parent

    def check_chain(self, generations: Sequence[Generation]) -> None:
        """Check that each of the log's generations follows from the one before, the first on."""
        last = 0
        for at, generation in enumerate(generations):
            number = generation.manifest.generation
            if number != last + 1:
                raise self._hole(last + 1, number - 1)
            if at:
                self._check(generations[at - 1], generation)
            last = number

    def _check(self, parent: Generation, child: Generation) -> None:
        if parent.sha256 != child.manifest.parent:
            raise Corrupt(
                f"{self._place(child.manifest.generation)} does not name the bytes of generation "
                f"{parent.manifest.generation}: one was altered, or no run committed it.",
                f"{RESTORE} What no run committed is to be moved away.",
            )

    def _broken_end(self, before: int, last: int) -> Corrupt:
        """Tell a stray manifest from a hole below a true one, by the last publication."""
        known = read_record(self.store, self.source).published
        stray = known is not None and known.generation <= before
        try:
            self.read(last)
        except Corrupt:
            stray = True
        if not stray:
            return self._hole(before + 1, last - 1)
        what = f"{self._place(last)} is no part of the log, which ends with generation {before}."
        return Corrupt(what, "Move it away.")

    def _hole(self, first: int, last: int) -> Corrupt:
        more = f" and those up to generation {last} are" if last > first else " is"
        return Corrupt(f"{self._place(first)}{more} missing below a later one.", RESTORE)

    def _place(self, number: int) -> str:
        return f"{self.store.url}/{manifest_key(self.source, number)}"

    def as_of(self, meant: AsOf) -> Generation:
        """Return the generation that held at a moment; Misuse where there was none yet."""
        if meant.generation is not None:
            return self.numbered(meant.generation)
        assert meant.until is not None  # noqa: S101 - a day or a moment
        return self.at(meant.until)

    def newer_than(self, generation: Generation) -> Generation | None:
        """Return the newest generation if it is newer than the one given, else None: one LIST."""
        newest = self.generations()[-1:]
        if not newest or newest[0] <= generation.manifest.generation:
            return None
        return self.read(newest[0])

    def read(self, number: int) -> Generation:
        """Return one generation; Corrupt where the object is not this source's of that number."""
        try:
            generation = decode(self.store.read(manifest_key(self.source, number)))
        except Corrupt as error:
            raise Corrupt(f"{self._place(number)}: {error.what}", error.remedy) from error
        source, claimed = generation.manifest.source, generation.manifest.generation
        if (source, claimed) != (self.source, number):
            what = f"{self._place(number)} says that it is generation {claimed} of {source}."
            raise Corrupt(what, RESTORE)
        return generation

    def commit(self, manifest: Manifest) -> Generation | None:
        """Create the next generation; return None if another run created that number first."""
        body = encode(manifest)
        created = self.store.put_new(manifest_key(self.source, manifest.generation), body)
        return decode(body) if created else None

    def at(self, moment: datetime, *, or_within: timedelta = timedelta()) -> Generation:
        """Return the last generation committed at or before `moment`.

        Commit times rise strictly with the number, so this takes one LIST and log2(n) GETs. The
        first generation will do if it came at most `or_within` later.

        Raises:
            Misuse: There is none; names the first generation and its time.
            Corrupt: It is the newest, and does not follow from its parent.
        """
        numbers = self.generations()
        if not numbers:
            raise self.empty()
        found: Generation | None = None
        low, high = 0, len(numbers) - 1
        while low <= high:
            middle = (low + high) // 2
            candidate = self.read(numbers[middle])
            if candidate.manifest.committed <= moment:
                found, low = candidate, middle + 1
            else:
                high = middle - 1
        if found is not None:
            return self._following(found, numbers)
        first = self.read(numbers[0])
        if first.manifest.committed <= moment + or_within:
            return first
        # A day means its last moment, and is named as the day.
        whole_day = moment.timetz() == time.max.replace(tzinfo=UTC)
        named = moment.date().isoformat() if whole_day else time_text(moment)
        raise Misuse(
            f"{named} lies before the first generation of {self.source}, which "
            f"was committed {time_text(first.manifest.committed)}.",
            "Ask for that time or a later one.",
        )

    def empty(self) -> Misuse:
        """Return the error for a reader of a log that has no generation."""
        if not self.store.folders(MANIFESTS):
            return no_lake(self.store)
        survey, held = survey_of(self.source), ""
        usual = survey in {"pr", POPULATION}
        run = "make run, or make live" if usual else f"make live SURVEY={survey}"
        how = f"Mirror it first ({run})"
        if survey != POPULATION:
            if len(survey) != CODE_LENGTH:
                how = "A survey's code has two characters: correct it"
            if others := ", ".join(held_surveys(self.store)):
                held = f", or name a survey that it has ({others})"
        return Misuse(
            f"The lake {self.store.url} has no generation of {self.source} yet.",
            f"{how}{held}, or name another lake.",
        )

    def numbered(self, number: int) -> Generation:
        """Return generation `number`, or Misuse, and never another: an answer has to stay the same.

        Where it is the newest, it has to follow from its parent.
        """
        numbers = self.generations()
        if number not in numbers:
            known = f"it has {numbers[0]} to {numbers[-1]}" if numbers else "the log is empty"
            raise Misuse(
                f"{self.source} has no generation {number}: {known}.",
                "Ask for one that there is, or mirror the source first.",
            )
        return self._following(self.read(number), numbers)


def last_gap(numbers: Sequence[int]) -> int:
    """Return the place of the first number after the last gap among sorted ones; 0 for none."""
    places = range(len(numbers) - 1, 0, -1)
    return next((i for i in places if numbers[i] > numbers[i - 1] + 1), 0)


def no_lake(store: Store) -> Misuse:
    """Return the error for a place that has no log of any source."""
    return Misuse(
        f"There is no lake at {store.url}: it holds no manifest.",
        "Check the address, or mirror something first (make run, or blsquest mirror).",
    )


def held_surveys(store: Store) -> list[str]:
    """Return the codes of the surveys that a lake has a log of, sorted: one LIST.

    Other programs have folders of manifests too: one whose name is not two characters long, as the
    codes are, costs a LIST more, and counts if it holds a generation.
    """
    return [
        name
        for name in store.folders(manifest_folder(SURVEYS))
        if len(name) == CODE_LENGTH or ManifestLog(store, source_of(name)).generations()
    ]


def release_before(
    log: ManifestLog, generation: Generation, name: str
) -> tuple[Generation, Entry] | None:
    """Return the last generation before this one in which a file had other bytes, and its entry.

    One LIST, and one GET for each generation back to that one: few, since generations are
    committed only when something changed.
    """
    now = entry_named(generation.manifest, name)
    earlier = (n for n in log.generations() if n < generation.manifest.generation)
    for number in sorted(earlier, reverse=True):
        candidate = log.read(number)
        entry = entry_named(candidate.manifest, name)
        if entry is not None and now is not None and entry.sha256 != now.sha256:
            return candidate, entry
    return None
