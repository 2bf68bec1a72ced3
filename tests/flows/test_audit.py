"""How runs of `audit` end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.audit import audit

if TYPE_CHECKING:
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
