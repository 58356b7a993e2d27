"""The loop of annotation: a tiny one from end to end, and its report's figures by hand."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from annotate.spotters import versions
from benchmarks.annotation_loop import ARMS, Arm, compared, likely, main, once, sure_to_be_empty
from benchmarks.loop_report import Scored, page, spread
from benchmarks.loop_rounds import Clip, Crowd, LoopSize, rounds
from benchmarks.simulator.annotator import COSTS, Manner, Work
from manifests.tables import rows_of
from manifests.taxonomy import LABELS
from manifests.workspace import open_workspace
from models.mgfm import MGFM, NetworkSettings
from models.spot.calibration import Calibration
from models.spot.network import SpotNetwork
from models.spot.spotter import SpotSettings, Spotter

TINY = LoopSize(people=(3, 1, 2), clips=2, minutes=0.4, steps=(6, 6))


def settings() -> SpotSettings:
    small = SpotSettings(network=SpotNetwork(width=16, levels=3, context=2), frames=64)
    return replace(small, training=replace(small.training, batch_size=2))


@pytest.mark.slow
def test_a_tiny_loop(tmp_path):
    folder = tmp_path / "d"
    torch.manual_seed(0)
    features = MGFM(NetworkSettings(width=16, depth=1, heads=2))
    done = rounds(folder, TINY, settings(), 0, encoder=features, quiet=True)
    assert [spotter.network.encoder is not None for _, spotter in done.spotters] == [True, True]
    learned = [set(json.loads((path / "retrain.json").read_text())["learned_from"]) for path in versions(folder)]
    tested = {clip.row["player_id"] for clip in done.compared}
    assert [len(people) for people in learned] == [3, 4]
    assert len(tested) == 2
    assert not tested & learned[1]
    with open_workspace(folder) as workspace:
        # Of the truth the dataset knows nothing: its gestures are agreed on, in clips that were annotated, not by the simulator.
        gestures = list(rows_of(workspace.read("gestures")))
        said = {row["clip_id"] for row in rows_of(workspace.read("annotations"))}
        owners = {row["clip_id"]: row["player_id"] for row in rows_of(workspace.read("clips"))}
    assert gestures
    assert all("simulator" not in row["made_by"] for row in gestures)
    assert not {owners[clip] for clip in said} & tested
    assert len(said) == 8

    scored = compared(done, TINY, 0, (ARMS[0], ARMS[2], Arm("spotter 2", "2", Manner(), worth=0.0)))
    nothing, rule, spotter = scored
    assert nothing.work.played == pytest.approx(3 * 2 * nothing.film)  # three annotators at half speed
    assert (nothing.shown, nothing.work.decide, nothing.learned) == (0, 0, 0)
    assert rule.shown > 0
    assert 0 < rule.work.decide <= 3 * rule.shown
    assert spotter.learned == len(gestures)
    assert 0.5 < nothing.f1 <= 1
    assert Scored.read(json.loads(json.dumps(asdict(rule)))) == rule
    assert scored == compared(done, TINY, 0, (ARMS[0], ARMS[2], Arm("spotter 2", "2", Manner(), worth=0.0)))
    assert "| nothing, half speed | 0.0 |" in page(scored, TINY)


def test_a_checkpoint_that_is_not_there(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["--checkpoint", str(tmp_path / "nowhere"), "--seeds", "1"])
    assert "nowhere: there is no checkpoint. Make one with `mgcollect pretrain`." in capsys.readouterr().err


def row(start: int, end: int, score: float, label: str = "head_up", *others: float) -> dict[str, object]:
    return {"start": start, "end": end, "score": score, "label": label, "top_scores": [score, *others]}


def test_each_place_once():
    sure, beside, far = row(10, 50, 0.9), row(20, 60, 0.5), row(48, 90, 0.4)
    assert once([beside, far, sure]) == [sure, far]  # 30 frames of 50 are shared; 2 of 80


def test_only_what_is_likely():
    found = np.zeros((100, 32))
    found[89, LABELS.index("head_up")] = 0.3
    spotter = Spotter(network=None, classes=LABELS, calibration=Calibration(1.0, 0.0, found))  # type: ignore[arg-type]
    rows = [row(0, 9, 0.2), row(0, 9, 0.3), row(0, 9, 0.04, "folding_arms"), row(0, 9, 0.06, "folding_arms")]
    assert likely({"c": rows}, spotter, 0.05) == {"c": [rows[1], rows[3]]}


def test_what_is_surely_empty():
    clip = Clip({"clip_id": "c", "n_frames": 300, "fps_num": 25, "fps_den": 1}, (), ())
    assert clip.fps == Fraction(25)
    # Half a second is 12 frames. Of [100, 120) all labels together are likely enough; [200, 210) isn't.
    busy = [row(100, 120, 0.06, "head_up", 0.05), row(200, 210, 0.05), row(140, 150, 0.2)]
    assert sure_to_be_empty(clip, busy, 0.1) == ((0, 88), (162, 300))
    assert sure_to_be_empty(clip, [row(20, 290, 0.5)], 0.1) == ()  # 8 frames before it are less than a second
    assert sure_to_be_empty(clip, [], 0.1) == ((0, 300),)


def test_the_same_crowd_sees_a_clip_however_it_is_shown():
    clips = [Clip({"clip_id": f"c{i}", "n_frames": 200, "fps_num": 25, "fps_den": 1}, (), ()) for i in range(20)]
    crowd = Crowd.of("mostly careful", 3, 0)
    said, _ = crowd.annotate(clips, Manner())
    shown, _ = crowd.annotate(clips, Manner(1.0, 1.0), {"c3": []}, {"c4": ((0, 50),)})
    who = {clip: [opinion.annotator_id for opinion in of_clip] for clip, of_clip in said.items()}
    assert who == {clip: [opinion.annotator_id for opinion in of_clip] for clip, of_clip in shown.items()}
    assert len({name for of_clip in who.values() for name in of_clip}) > 10


def test_the_report_by_hand():
    def one(arm: str, source: str, seed: int, played: float, right: int) -> Scored:
        return Scored(arm, source, seed, 0.5, 60.0, Work(played=played), 10, 10, right, right, 0, 0)

    assert spread([1.0, 2.0, 3.0]) == (pytest.approx(2.0), pytest.approx(4.303 / np.sqrt(3), abs=1e-3))
    alone = one("nothing", "", 0, 600.0, 5)
    assert (alone.minutes(), alone.f1) == (2.0, 0.5)
    assert alone.minutes(playing=2) == 4.0
    assert replace(alone, work=Work(draw=3)).minutes(actions=2) == pytest.approx(6 * COSTS.draw / 300)
    scored = [
        alone,
        one("nothing", "", 1, 600.0, 5),
        one("spotter", "2", 0, 300.0, 5),
        one("spotter", "2", 1, 240.0, 8),
    ]
    # Minutes a correct gesture: 1 and 0.5 where nothing shown takes 2: 50 and 75 % less, 62.5 on average.
    (line,) = [line for line in page(scored, TINY).splitlines() if line.startswith("| spotter |")]
    assert line.split(" | ")[2].startswith("0.75 ±")
    assert line.split(" | ")[6].startswith("62 ±")
    assert line.split(" | ")[5].startswith("0.150 ±")
