"""Profiles of annotators against figures worked out by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from annotate.annotators import Treatment, annotators, profiles
from annotate.gold import read_gold
from annotate.opinions import Opinion, Segment
from manifests.errors import BadInput
from tests.annotate.datasets import dataset, proposal, table
from tests.manifests.samples import annotation


def says(who: str, *segments: Segment, day: int = 1, took: float | None = None) -> Opinion:
    when = datetime(2026, 1, day, tzinfo=UTC)
    return Opinion(who, "gesture" if segments else "nothing", segments, created_at=when, lead_time_s=took)


UP = Segment(10, 20, "head_up")
LIPS = Segment(10, 20, "pressing_lips")


def test_agreement_and_speed():
    opinions = {
        "c1": [says("A01", UP, took=30.0), says("A02", UP, took=5.0), says("A03", LIPS)],
        "c2": [says("A01", took=10.0), says("A02"), Opinion("A03", "unusable")],
        "c3": [says("A01", UP, LIPS, took=80.0)],
    }
    ana, bo, cy = profiles(opinions, {"c1": 2.0, "c2": 2.0, "c3": 6.0})
    assert (ana.annotator_id, ana.clips, ana.gestures) == ("A01", 3, 3)
    # Ana meets Bo (same) and Cy (another label) on c1, and Bo on c2, where both say nothing: 2 * 1 / 4.
    assert (ana.agreement.value, ana.agreement.clips) == (0.5, 2)
    assert (cy.agreement.value, cy.clips) == (0.0, 2)
    assert (ana.seconds_per_clip, ana.seconds_per_second) == (30.0, 12.0)
    assert (bo.seconds_per_clip, bo.seconds_per_second, cy.seconds_per_clip) == (5.0, 2.5, None)
    assert ana.gold.value is None


def test_gold_accuracy():
    gold = {"c1": (UP, Segment(40, 50, "biting_nails")), "c2": ()}
    opinions = {"c1": [says("A01", UP), says("A02", LIPS)], "c2": [says("A01"), says("A02", UP)]}
    ana, bo = profiles(opinions, {"c1": 2.0, "c2": 2.0}, gold=gold)
    assert ana.gold.value == pytest.approx(2 / 3)  # one of two is found, nothing else said: 2 * 1 / (1 + 2)
    assert bo.gold.value == 0
    assert ana.gold.interval == pytest.approx(
        (2 / 3, 2 / 3)
    )  # a resample with c1 in it has this value, others have none


def test_drift_goes_by_time_not_by_name():
    # In January they agree, in February not; the clips' names say the opposite order.
    opinions = {}
    for i in range(10):
        later = i < 5
        day = 20 - i
        opinions[f"c{i}"] = [says("A01", UP, day=day), says("A02", LIPS if later else UP, day=day)]
    ana, _ = profiles(opinions, dict.fromkeys(opinions, 2.0))
    assert ana.drift.value == -1
    assert ana.drift.interval == (-1, -1)


def test_what_became_of_proposals():
    shown = [
        proposal("c1", 0, 10, "head_up"),
        proposal("c1", 10, 20, "head_up"),
        proposal("c1", 20, 30, "head_up"),
        proposal("c1", 30, 40, "head_up"),
    ]
    ids = [row["proposal_id"] for row in shown]
    said = says(
        "A01",
        Segment(0, 10, "head_up", from_proposal=ids[0]),
        Segment(11, 20, "head_up", from_proposal=ids[1]),
        Segment(20, 30, "biting_nails", from_proposal=ids[2]),
        Segment(45, 50, "head_up"),
    )
    # Known: the first is there, the second has another label; the third and fourth aren't gestures.
    gold = {"c1": (Segment(0, 10, "head_up"), Segment(10, 20, "pressing_lips"))}
    (found,) = profiles({"c1": [said]}, {"c1": 2.0}, proposals={"c1": shown}, gold=gold)
    assert found.treatment == Treatment(shown=4, kept=1, moved=1, relabelled=1, removed=1, wrong_shown=3, wrong_kept=1)


def test_of_a_dataset(tmp_path):
    with dataset(tmp_path / "d", ["c1", "c2"], [proposal("c1", 10, 20, "head_up")]) as workspace:
        with pytest.raises(BadInput, match="no annotations yet"):
            annotators(workspace)
        rows = [annotation("a", start=10, end=20, label="head_up", from_proposal="c1-10-20-head_up", lead_time_s=4.0)]
        workspace.write("annotations", table("annotations", rows))
        (workspace.root / "gold.csv").write_text("clip_id,start,end,label\nc1,10,20,head_up\nc2\n")
        (found,) = annotators(workspace)
        (written,) = json.loads((workspace.root / "reports" / "annotators.json").read_text())
    assert (found.gold.value, found.treatment.kept, found.seconds_per_second) == (1.0, 1, 2.0)  # 50 frames at 25
    assert written["gold"]["value"] == 1.0


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("c9,1,2,head_up", 'row 3, column clip_id: the dataset has no clip "c9"'),
        ("c1,1,2,heads_up", 'row 3, column label: "heads_up" is none of the 32'),
        ("c1,1,x,head_up", "row 3: start and end are whole frame numbers"),
        ("c1,9,51,head_up", r"row 3: frames \[9, 51\) don't lie in a clip of 50"),
        ("c1,9,9,head_up", r"row 3: frames \[9, 9\)"),
    ],
)
def test_wrong_gold(tmp_path, row, text):
    with dataset(tmp_path / "d", ["c1"], []) as workspace:
        workspace.write("annotations", table("annotations", [annotation("a")]))
        (workspace.root / "gold.csv").write_text(f"clip_id,start,end,label\nc1,1,2,head_up\n{row}\n")
        with pytest.raises(BadInput, match=text):
            annotators(workspace)


def test_gold_of_one_who_opted_out_is_nobodys(tmp_path):
    with dataset(tmp_path / "d", ["c1", "c2"], []) as workspace:
        (workspace.root / "gold.csv").write_text("clip_id,start,end,label\nc1,1,2,head_up\nc2,1,2,head_up\n")
        assert sorted(read_gold(workspace)) == ["c1", "c2"]
        clips = workspace.read("clips").to_pylist()
        rows = [row | {"video_id": "v2"} if row["clip_id"] == "c2" else row for row in clips]
        workspace.write("clips", table("clips", rows))
        (workspace.root / "opt_out.csv").write_text("player_id,video_id\n,v2\n")
        assert sorted(read_gold(workspace)) == ["c1"]
