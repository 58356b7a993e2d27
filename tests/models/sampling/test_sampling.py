"""Sampling, on people made by hand: still ones, ones who tremble by a pixel, ones who gesture, ones on a shaking camera."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from manifests.errors import BadInput
from models.data import windows as cut
from models.pretrain import PretrainSettings, pretrain
from models.sampling.draw import WINDOWS, Drawing, draw, write_drawn
from models.sampling.sample import SampleSettings, sample_store
from models.sampling.scores import FACTORS, Scoring, score_windows
from models.settings import load_settings
from models.store import Item, Recording, hold_store, open_store

FRAMES = 256
FULL = Scoring(frames=128, hop=64)


def body(seed=0, frames=FRAMES):
    """A COCO-17 body in pixels, shoulders a hundred apart, with a pixel of an estimator's error."""
    rng = np.random.default_rng(seed)
    still = np.tile(np.linspace(0, 1, 17)[:, None] * [80, 200] + [100, 100], (frames, 1, 1))
    still[:, 5], still[:, 6] = (200, 150), (100, 150)
    return (still + rng.normal(scale=0.3, size=still.shape)).astype(np.float32)


def gesturing(seed=0, pixels=20.0, frames=FRAMES):
    moved = body(seed, frames)
    moved[:, 9, 1] += pixels * np.sin(2 * np.pi * np.arange(frames) / 50)
    return moved


def store_of(*bodies, confidence=None, people=None):
    """A store of one clip a body; sure of every joint unless `confidence` is given, each a person's own unless `people` says."""
    recordings = []
    for index, part in enumerate(bodies):
        sure = np.ones(part.shape[:2], np.float32) if confidence is None else confidence[index]
        item = Item(f"clip{index}", 0, len(part))
        recordings.append(Recording(part, sure, (people or {}).get(index, f"P{index}"), (item,)))
    return hold_store(recordings, "coco17", y_down=True)


def factor(scored, name):
    return scored.factors[:, FACTORS.index(name)]


def test_windows_lie_where_they_should():
    scored = score_windows(store_of(body(frames=300), body(frames=50)), FULL, quiet=True)
    assert scored.item.tolist() == [0, 0, 0, 1]
    assert scored.start.tolist() == [0, 64, 128, 0]
    assert scored.length.tolist() == [128, 128, 128, 50]


def test_motion_is_more_than_trembling_and_less_than_a_reach():
    # 20 px of 100 over 50 frames: about 0.016 shoulder widths a frame on average; ten times that is no micro-gesture.
    scored = score_windows(store_of(body(), gesturing(), gesturing(pixels=400)), FULL, quiet=True)
    still, small, large = (factor(scored, "motion")[scored.item == i].mean() for i in range(3))
    assert still < 0.1
    assert small > 0.7
    assert large < 0.5


def test_what_is_out_of_view_counts_by_hand():
    sure = np.ones((FRAMES, 17), np.float32)
    sure[:128, 9] = 0  # the left wrist is gone in the first half
    sure[:, [0, 1, 2, 3, 4]] = 0.1  # the face is doubtful throughout
    scored = score_windows(store_of(gesturing(), confidence=[sure]), FULL, quiet=True)
    assert factor(scored, "hands") == pytest.approx([0.5, 0.75, 1.0])
    assert factor(scored, "face") == pytest.approx([0, 0, 0])
    # Thirteen joints of the upper body: five doubtful, the left wrist gone at first, the other seven sure.
    upper = 11 + 2  # COCO's first eleven, and the hips
    assert factor(scored, "confidence")[2] == pytest.approx((5 * 0.1 + upper - 5) / upper)
    assert factor(scored, "confidence")[0] == pytest.approx((5 * 0.1 + upper - 6) / upper)


def test_a_shaking_camera_is_told_from_a_moving_hand():
    shaken = body() + np.random.default_rng(1).normal(scale=6, size=(FRAMES, 1, 2)).astype(np.float32)
    scored = score_windows(store_of(body(), gesturing(), shaken), FULL, quiet=True)
    still, hand, shaky = (factor(scored, "steady")[scored.item == i].mean() for i in range(3))
    assert still > 0.85
    assert hand > 0.85
    assert shaky < 0.3


def test_more_people_count_less():
    scored = score_windows(store_of(body(), body()), FULL, people={"clip1": 2.0, "clip0": 0.9}, quiet=True)
    assert factor(scored, "alone").tolist() == [1, 1, 1, 0.5, 0.5, 0.5]


def test_the_score_is_the_weighted_product():
    scored = score_windows(store_of(gesturing()), Scoring(motion=2.0, face=0.0), quiet=True)
    expected = np.ones(len(scored))
    for name in FACTORS:
        expected *= factor(scored, name) ** {"motion": 2.0, "face": 0.0}.get(name, 1.0)
    np.testing.assert_allclose(scored.score, expected, rtol=1e-5)


def corpus():
    """Nine clips of P0 and one of P1; every second one holds nothing but trembling."""
    bodies = [gesturing(i, frames=1024) if i % 2 else body(i, frames=1024) for i in range(10)]
    return store_of(*bodies, people={i: "P0" if i else "P1" for i in range(10)} | {1: "P1"})


def test_good_windows_are_drawn_and_people_balanced():
    store = corpus()
    scored = score_windows(store, quiet=True)
    drawn = draw(store, scored, Drawing(share=0.3, clusters=4, balance=0.5))
    lively = scored.item[drawn.rows] % 2 == 1
    assert lively.mean() > 0.85
    both = store.people[scored.item]
    assert drawn.chance[both == "P1"].sum() == pytest.approx(0.5, abs=0.15)  # of two people, one with a fifth of all
    assert len(drawn.rows) == round(0.3 * len(scored)) == len(set(drawn.rows.tolist()))
    even = draw(store, scored, Drawing(share=0.3, clusters=4, sharpness=0, people=0, balance=0))
    worth = scored.score > 0
    np.testing.assert_allclose(even.chance, worth / worth.sum())


def test_the_same_seed_draws_the_same():
    store = corpus()
    scored = score_windows(store, quiet=True)
    one, two, other = (draw(store, scored, Drawing(seed=seed)).rows.tolist() for seed in (1, 1, 2))
    assert one == two != other


def test_drawn_windows_are_the_same_poses(tmp_path):
    store = corpus()
    scored = score_windows(store, quiet=True)
    drawn = draw(store, scored, Drawing(share=0.1))
    written = write_drawn(store, scored, drawn, tmp_path)
    rows = pq.read_table(tmp_path / WINDOWS).to_pylist()
    assert len(written) == len(rows) == len(drawn.rows)
    for place, row in enumerate(rows):
        item = store.names.tolist().index(row["clip"])
        first = store.starts[item] + row["start"]
        np.testing.assert_array_equal(
            written.poses[written.starts[place] : written.ends[place]],
            store.poses[first : first + row["end"] - row["start"]],
        )
        assert row["person"] == store.people[item] == written.people[place]
        assert row["score"] == pytest.approx(np.prod([row[name] for name in FACTORS]), rel=1e-4)


def test_a_sample_is_pretrained_on_and_shown(tmp_path):
    report = sample_store(
        corpus(), tmp_path / "s", SampleSettings(drawing=Drawing(share=0.2, clusters=4, balance=0.5)), quiet=True
    )
    assert report.mean_score[1] > 1.7 * report.mean_score[0]
    assert report.people == 2
    page = report.page.read_text()
    assert f"{report.drawn:,} of {report.windows:,} windows" in page
    assert page.count("<svg") == 2
    assert "http://" not in page.split("<svg", 1)[0]
    again = sample_store(
        corpus(), tmp_path / "t", SampleSettings(drawing=Drawing(share=0.2, clusters=4, balance=0.5)), quiet=True
    )
    assert again.page.read_text() == page
    settings = load_settings(
        PretrainSettings,
        None,
        [
            "training.steps=1",
            "training.batch_size=4",
            "network.width=16",
            "network.heads=2",
            "training.accelerator=cpu",
        ],
    )
    pretrain([open_store(tmp_path / "s")], tmp_path / "m", settings, quiet=True)
    assert cut(report.store, np.array([0]), report.store.starts[:1], np.array([64.0]), 16).valid.all()


def test_what_cannot_be_drawn():
    store = store_of(body(), confidence=[np.full((FRAMES, 17), 0.1, np.float32)])
    scored = score_windows(store, quiet=True)
    with pytest.raises(BadInput, match="worth drawing"):
        draw(store, scored)
    with pytest.raises(BadInput, match=r"share of 1\.5"):
        draw(store, scored, Drawing(share=1.5))
    with pytest.raises(BadInput, match="Windows of 0 frames"):
        score_windows(store, Scoring(frames=0), quiet=True)
