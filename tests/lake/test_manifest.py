"""The manifest: what is written is what is read, and how the next generation follows. Pure."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blsquest.core.errors import Corrupt
from blsquest.core.source import Listing, RemoteFile
from blsquest.lake.manifest import (
    Entry,
    Generation,
    Manifest,
    Tombstone,
    advance,
    decode,
    diff,
    encode,
)

NOW = datetime(2025, 8, 15, 12, tzinfo=UTC)

names = st.from_regex(r"[a-z]{1,3}\.[a-z0-9. ]{1,6}[a-z]", fullmatch=True)
digests = st.binary(max_size=2).map(lambda body: sha256(body).hexdigest())
moments = st.datetimes(
    datetime(1970, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone
    datetime(9000, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-5))]),
)
texts = st.text(st.characters(codec="utf-8"), max_size=12)
entries = st.builds(
    Entry,
    name=names,
    size=st.integers(0, 2**53),
    sha256=digests,
    identity=digests,
    stamp=texts,
    last_modified=st.none() | texts,
    first_seen=moments,
    last_seen=moments,
    settled=st.booleans(),
)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    listed = draw(st.lists(entries, unique_by=lambda e: e.name, max_size=6))
    buried = draw(st.integers(0, len(listed)))
    generation = draw(st.integers(1, 99_999_999))
    live = sorted(listed[buried:], key=lambda e: e.name)
    graves = sorted(listed[:buried], key=lambda e: e.name)
    return Manifest(
        source=draw(st.sampled_from(["bls/pr", "census"])),
        layout=draw(st.sampled_from(["flat", "daily"])),
        sample=draw(st.booleans()),
        generation=generation,
        parent=None if generation == 1 else draw(digests),
        committed=draw(moments),
        run=draw(texts),
        files=tuple(live),
        tombstones=tuple(Tombstone(entry, draw(moments)) for entry in graves),
    )


def entry(name: str, content: bytes = b"", stamp: str = "1/2/2025 8:30 AM") -> Entry:
    digest = sha256(content).hexdigest()
    return Entry(name, len(content), digest, digest, stamp, None, NOW, NOW, settled=True)


def follow(parent: Generation | None, files: list[Entry], now: datetime = NOW) -> Manifest | None:
    listing = Listing(tuple(RemoteFile(e.name, e.size, e.stamp) for e in files))
    return advance(parent, listing, files, source="bls/pr", layout="flat", now=now, run="r")


def first(*files: Entry) -> Generation:
    manifest = follow(None, list(files))
    assert manifest is not None
    return decode(encode(manifest))


@given(manifests())
def test_what_is_encoded_decodes_to_the_same_value_and_hash(manifest: Manifest) -> None:
    body = encode(manifest)
    generation = decode(body)
    assert generation == Generation(manifest, sha256(body).hexdigest())
    assert encode(generation.manifest) == body


GOLDEN = b"""\
{
  "committed": "2025-08-15T12:00:00.000000Z",
  "files": [
    {
      "bytes": 1,
      "first_seen": "2025-08-15T12:00:00.000000Z",
      "identity": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
      "last_modified": null,
      "last_seen": "2025-08-15T12:00:00.000000Z",
      "name": "pr.class",
      "settled": true,
      "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
      "stamp": "1/2/2025 8:30 AM"
    }
  ],
  "format": "bls-data-quest/manifest",
  "generation": 1,
  "layout": "flat",
  "parent": null,
  "run": "r",
  "sample": false,
  "source": "bls/pr",
  "tombstones": [],
  "version": 1
}
"""


def test_the_bytes_of_a_manifest_are_those_of_the_first_release() -> None:
    assert encode(first(entry("pr.class", b"x")).manifest) == GOLDEN


def edited(change: Callable[[dict[str, Any]], object]) -> bytes:
    files = [entry("pr.class", b"x"), entry("pr.txt", b"y")]
    manifest = follow(first(*files, entry("pr.gone")), files)
    assert manifest is not None
    document = json.loads(encode(manifest))
    change(document)
    return json.dumps(document).encode()


IMPOSSIBLE: list[Callable[[dict[str, Any]], object]] = [
    lambda d: d.pop("files"),
    lambda d: d["tombstones"][0]["last"].update(name="pr.class"),
    lambda d: d["tombstones"][0].pop("removed"),
]
TIMES = ("2025-08-15T12:00:00", "1700000000", "2025-13-15T12:00:00.000000Z")
OF_A_MANIFEST = [
    *({"generation": number} for number in ("2", -1, True, 1)),
    *({"committed": time} for time in (*TIMES, "9999-12-31T23:59:59.999999Z")),
    *({"parent": None}, {"parent": "abc"}, {"files": [7]}),
    *({"layout": "deep"}, {"sample": 0}, {"format": "another"}),
]
OF_A_FILE = [
    *({"name": name} for name in ("../up", ".hidden", "a\nb", "")),
    *({"sha256": digest} for digest in ("A" * 64, "a" * 63)),
    *({"bytes": 1.5}, {"settled": "yes"}, {"stamp": None}, {"last_modified": 5}),
]


@pytest.mark.parametrize(
    "change",
    [
        *IMPOSSIBLE,
        *(lambda d, f=f: d.update(f) for f in OF_A_MANIFEST),
        *(lambda d, f=f: d["files"][0].update(f) for f in OF_A_FILE),
    ],
)
def test_a_missing_or_impossible_field_is_corrupt(change: Callable[[Any], object]) -> None:
    with pytest.raises(Corrupt):
        decode(edited(change))


def test_unknown_keys_are_ignored_and_what_cannot_be_read_is_named() -> None:
    known = decode(edited(lambda _: None)).manifest
    assert decode(edited(lambda d: d.update(new=1))).manifest == known
    assert decode(edited(lambda d: d["files"][0].update(new=[]))).manifest == known
    with pytest.raises(Corrupt, match=r"files\.0\.sha256: String should match pattern"):
        decode(edited(lambda d: d["files"][0].update(sha256="x")))
    with pytest.raises(Corrupt, match="cannot be read: a file is named twice"):
        decode(edited(lambda d: d["files"].append(d["files"][0])))


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_version_is_corrupt_and_names_the_remedy(version: object) -> None:
    with pytest.raises(Corrupt, match="this code reads 1") as caught:
        decode(edited(lambda d: d.update(version=version)))
    assert caught.value.remedy == "Upgrade bls-data-quest."


@pytest.mark.parametrize("body", [b"", b"\xff", GOLDEN[:-3], b"[" * 100_000, b'{"a": ' * 50_000])
def test_bytes_that_are_no_manifest_are_corrupt(body: bytes) -> None:
    with pytest.raises(Corrupt):
        decode(body)


@given(manifests())
def test_a_state_that_differs_in_times_alone_makes_no_generation(manifest: Manifest) -> None:
    parent = decode(encode(manifest))
    later = [replace(e, last_seen=NOW, first_seen=NOW) for e in manifest.files]
    assert follow(parent, later) is None
    assert diff(manifest, manifest) == ()


@given(manifests(), st.lists(entries, unique_by=lambda e: e.name, max_size=6), moments)
def test_the_next_generation_follows(old: Manifest, files: list[Entry], now: datetime) -> None:
    parent = decode(encode(old))
    new = follow(parent, files, now)
    if new is None:
        assert diff(old, replace(old, files=tuple(sorted(files, key=lambda e: e.name)))) == ()
        return
    assert (new.generation, new.parent) == (old.generation + 1, parent.sha256)
    assert new.committed > old.committed
    assert new.committed >= now
    live = {e.name for e in files}
    known = {e.name for e in old.files} | {t.last.name for t in old.tombstones}
    assert [e.name for e in new.files] == sorted(live)
    assert [t.last.name for t in new.tombstones] == sorted(known - live)
    kinds = {c.name: c.change for c in diff(old, new)}
    graves = {t.last.name for t in old.tombstones}
    assert {name for name, kind in kinds.items() if kind == "added"} == live - known
    assert {name for name, kind in kinds.items() if kind == "returned"} == live & graves
    decode(encode(new))


def test_diff_says_what_happened_to_each_file() -> None:
    same, both = entry("d.same"), entry("g.both", b"1")
    unsettled = replace(entry("e.settled"), settled=False)
    old = first(
        entry("a.changed", b"1"), entry("b.gone"), entry("c.restamped"), same, unsettled, both
    ).manifest
    settled, restamped = entry("e.settled"), entry("c.restamped", stamp="other")
    both = entry("g.both", b"2", stamp="other")
    files = (entry("a.changed", b"2"), restamped, same, settled, entry("f.added"), both)
    new = replace(old, files=files)
    changes = [(change.name, change.change) for change in diff(old, new)]
    assert sorted(changes) == [
        ("a.changed", "changed"),
        ("b.gone", "removed"),
        ("c.restamped", "restamped"),
        ("e.settled", "settled"),
        ("f.added", "added"),
        ("g.both", "changed"),
    ]
    assert {c.change for c in diff(None, new)} == {"added"}


def test_a_tombstone_keeps_its_time_and_ends_when_the_file_comes_back() -> None:
    there, gone = entry("pr.txt"), entry("pr.class", b"x")
    one = first(there, gone)
    two = follow(one, [there], NOW + timedelta(days=1))
    assert two is not None
    changed = replace(there, stamp="other")
    three = follow(decode(encode(two)), [changed], NOW + timedelta(days=2))
    assert three is not None
    assert three.tombstones == (Tombstone(gone, NOW + timedelta(days=1)),)
    four = follow(decode(encode(three)), [changed, gone], NOW + timedelta(days=3))
    assert four is not None
    assert four.tombstones == ()
