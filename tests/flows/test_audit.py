"""How runs of `audit` end."""

from flows.audit import audit
from tests.support.runs import Runs


def test_a_whole_lake_is_sound_and_one_that_lacks_a_vintage_is_damaged(runs: Runs) -> None:
    runs.mirror()
    sound = audit(lake=str(runs.lake), return_state=True)
    (vintage,) = (runs.lake / "vintages/bls/pr/pr.class").iterdir()
    vintage.unlink()
    damaged = audit(lake=str(runs.lake), return_state=True)

    assert (sound.name, sound.is_completed()) == ("Sound", True)
    assert runs.table(sound) == [{"severity": "none", "what": "nothing found"}]
    assert (damaged.name, damaged.is_failed()) == ("Damaged", True)
    assert "pr.class" in str(damaged.message)
    assert "Restore it" in str(damaged.message)
    assert {row["severity"] for row in runs.table(damaged)} >= {"damage"}


def test_what_is_derived_and_wrong_is_repairable_and_repaired_where_that_is_wanted(
    runs: Runs,
) -> None:
    runs.mirror()
    (table,) = (runs.lake / "tables/bls/pr/pr.data.0.Current").rglob("*.parquet")
    good = table.read_bytes()
    table.write_bytes(good[:-20] + bytes([good[-20] ^ 1]) + good[-19:])
    found = audit(lake=str(runs.lake), return_state=True)
    repaired = audit(lake=str(runs.lake), repair=True, return_state=True)

    assert (found.name, found.is_failed()) == ("Repairable", True)
    assert "--repair" in str(found.message)
    assert (repaired.name, repaired.is_completed()) == ("Repaired", True)
    assert [row["severity"] for row in runs.table(repaired)] == ["repaired"]
    assert table.read_bytes() == good
