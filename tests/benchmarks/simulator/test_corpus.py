"""The simulated corpus: rows as the tables want them, the same from the same seed, whatever is simulated beside them."""

import hashlib
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.simulator import Corpus, simulate, write_dataset
from benchmarks.simulator.__main__ import main
from benchmarks.simulator.difficulty import measure
from benchmarks.simulator.people import draw_person
from benchmarks.simulator.timeline import MEDIAN_SECONDS, OUTCOME_SHIFT, SHARES, class_weights, draw_timeline
from manifests.errors import BadInput
from manifests.ids import clip_id, gesture_id, video_id
from manifests.poses import read_poses
from manifests.tables import TABLES, from_rows
from manifests.taxonomy import LABELS
from manifests.workspace import open_workspace

SMALL = {"people": 3, "videos": 5, "minutes": 0.4, "seed": 7}


def prints(videos):
    """What a video is, to the byte, by its address."""
    return {
        v.video["source_url"]: hashlib.sha256(
            v.poses.keypoints.tobytes() + v.poses.boxes.tobytes() + repr(v.gestures).encode()
        ).hexdigest()
        for v in videos
    }


def test_same_seed_same_bytes():
    assert prints(simulate(**SMALL)) == prints(simulate(**SMALL))
    assert not prints(simulate(**SMALL)).keys() & prints(simulate(**{**SMALL, "seed": 8})).keys()


def test_a_video_is_the_same_whatever_is_simulated_beside_it():
    few = prints(simulate(**SMALL))
    more = prints(simulate(people=4, videos=12, minutes=0.4, seed=7))
    shared = few.keys() & more.keys()
    assert len(shared) == 5
    assert all(few[url] == more[url] for url in shared)


def test_workers_share_a_corpus():
    assert prints(simulate(**SMALL, first_video=3)).items() <= prints(simulate(**SMALL)).items()
    assert len(prints(simulate(**SMALL, first_video=3))) == 2


def test_rows_fit_the_tables_and_say_that_they_are_simulated():
    for v in simulate(**SMALL):
        for name, rows in (
            ("players", [v.player]),
            ("videos", [v.video]),
            ("clips", [v.clip]),
            ("gestures", v.gestures),
        ):
            from_rows(TABLES[name], rows)
        assert v.video["video_id"] == video_id(v.video["source_url"])
        assert v.clip["clip_id"] == clip_id(
            v.video["video_id"], v.clip["start_pts"], v.clip["end_pts"], v.clip["time_base"]
        )
        for g in v.gestures:
            assert g["gesture_id"] == gesture_id(v.clip["clip_id"], g["start"], g["end"], g["label"])
            assert (g["clip_id"], g["video_id"], g["player_id"]) == (
                v.clip["clip_id"],
                v.video["video_id"],
                v.player["player_id"],
            )
        assert v.video["source_url"].startswith("simulated://")
        assert all("simulator" in row["made_by"] for row in (v.video, v.clip, *v.gestures))
        assert "simulator" in v.poses.made_by
        assert len(v.poses.keypoints) == len(v.poses.boxes) == v.clip["n_frames"]
        assert v.clip["player_share"] == pytest.approx(v.poses.seen.mean())


@given(st.integers(1, 500), st.integers(30, 3000), st.floats(0.5, 30), st.booleans(), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_segments_lie_in_the_stream_and_never_touch(number, n, rate, won, seed):
    rng = np.random.default_rng(seed)
    timeline = draw_timeline(draw_person(number, rng), won, n, 25, rng, rate)
    end = -1
    for segment in timeline.segments:
        assert end < segment.start < segment.end <= n
        assert segment.label in LABELS
        end = segment.end
    assert set(np.unique(timeline.talking)) <= {0.0, 1.0}


def test_the_mix_is_long_tailed_as_the_fields():
    labels = Counter()
    frames, lengths = 0, []
    rng = np.random.default_rng(3)
    for number in range(1, 151):
        timeline = draw_timeline(draw_person(number, rng), number % 3 > 0, 7500, 25, rng, 9.0)
        labels.update(s.label for s in timeline.segments)
        lengths += [(s.end - s.start) / 25 for s in timeline.segments]
        frames += 7500
    total = sum(labels.values())
    assert sum(SHARES.values()) == pytest.approx(1)
    assert labels["illustrative"] / total == pytest.approx(0.31, abs=0.04)  # iMiGUE: 5,715 of 18,499
    assert set(labels) == set(LABELS)
    assert sum(count < 0.03 * total for count in labels.values()) >= 20
    assert total / (frames / 25 / 60) == pytest.approx(9, rel=0.15)
    assert 1.5 < np.mean(lengths) < 3.0
    assert MEDIAN_SECONDS.keys() == set(LABELS)


def test_outcome_shifts_the_mix_by_what_the_table_says():
    person = draw_person(1, np.random.default_rng(0))
    won, lost = class_weights(person, True), class_weights(person, False)
    for label, shift in OUTCOME_SHIFT.items():
        i, neutral = LABELS.index(label), LABELS.index("touching_hat")
        odds = (won[i] / won[neutral]) / (lost[i] / lost[neutral])
        assert np.log(odds) == pytest.approx(shift)
    assert class_weights(person, True, effect=0) == pytest.approx(class_weights(person, False, effect=0))


def test_shares_can_be_chosen():
    labels = {g["label"] for v in simulate(**SMALL, shares={"head_up": 1.0, "touching_ears": 1.0}) for g in v.gestures}
    assert labels == {"head_up", "touching_ears"}


def test_people_differ():
    people = [draw_person(n, np.random.default_rng(n)) for n in range(1, 200)]
    assert 0.8 < np.mean([p.right_handed for p in people]) < 0.96
    assert np.std([p.body.upper_arm for p in people]) > 0.01
    assert len({p.player_id for p in people}) == 199
    assert all(p.country.startswith("X") for p in people)


def test_written_as_a_dataset(tmp_path):
    frames = write_dataset(tmp_path / "d", simulate(**SMALL))
    videos = list(simulate(**SMALL))
    assert frames == sum(len(v.poses.keypoints) for v in videos)
    with open_workspace(tmp_path / "d") as workspace:
        assert workspace.read("players").num_rows == 3
        assert workspace.read("videos").num_rows == workspace.read("clips").num_rows == 5
        assert workspace.read("gestures").num_rows == sum(len(v.gestures) for v in videos)
        back = read_poses(workspace.table_path("poses", videos[0].clip["clip_id"]))
    assert back.keypoints[..., :2] == pytest.approx(videos[0].poses.keypoints[..., :2], abs=1 / 32 + 1e-3)
    assert back.skeleton == "coco17"


def test_commands(tmp_path, capsys):
    order = ["write", str(tmp_path / "d"), "--people", "2", "--videos", "2", "--minutes", "0.2"]
    assert main(order) == 0
    assert "simulated" in capsys.readouterr().out
    assert main(["sheet", str(tmp_path / "s.png"), "head_up"]) == 0
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    assert main(["write", str(tmp_path / "other"), "--videos", "1"]) == 2
    assert "holds other files" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"people": 0}, "at least one"),
        ({"skeleton": "coco18"}, "coco18"),
        ({"minutes": -1.0}, "minutes"),
        ({"minutes": float("nan")}, "minutes"),
        ({"gestures_per_minute": 1e6}, "gestures_per_minute"),
        ({"seed": -3}, "seed"),
        ({"shares": {"yawning": 1.0}}, "yawning"),
        ({"shares": {"head_up": 0.0}}, "above 0"),
        ({"colour": 3.0}, "colour"),
        ({"corpus": Corpus()}, "not both"),
    ],
)
def test_wrong_settings_are_refused(wrong, message):
    with pytest.raises(BadInput, match=message):
        simulate(**{**SMALL, **wrong})


@pytest.mark.slow
def test_the_default_is_hard_for_a_ridge_but_not_hopeless():
    """Across people, a ridge on noisy positions beats the largest class and is far from what the true movement gives away."""
    scores = {(s.skeleton, s.noise, s.method): s for s in measure(1, people=20, videos=20, minutes=6)}
    ridge, truth = scores["coco17", 1.0, "ridge"], scores["coco_wholebody133", 0.0, "trees"]
    assert ridge.top1 > ridge.largest_class + 0.05
    assert ridge.top1 < 0.55
    assert truth.top1 > ridge.top1 + 0.15  # 25 points and more with a few thousand gestures to learn from
    assert scores["coco17", 0.0, "trees"].top1 > scores["coco17", 1.0, "trees"].top1


def test_the_gestures_of_a_video_tell_its_outcome_in_part():
    """Whoever knew the shift and the true gestures would rank won above lost videos three times in four: neither .5 nor 1."""
    shift = np.array([OUTCOME_SHIFT.get(label, 0.0) for label in LABELS])
    share = np.array([SHARES[label] for label in LABELS])
    usual = np.log((share @ np.exp(shift / 2)) / (share @ np.exp(-shift / 2)))
    ranks = {True: [], False: []}
    rng = np.random.default_rng(4)
    for number in range(1, 301):
        won = bool(number % 2)
        timeline = draw_timeline(draw_person(number, rng), won, 3 * 1500, 25, rng, 9.0)
        ranks[won].append(sum(shift[LABELS.index(s.label)] - usual for s in timeline.segments))
    auc = np.mean([w > lost for w in ranks[True] for lost in ranks[False]])
    assert 0.65 < auc < 0.85
