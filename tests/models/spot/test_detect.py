import numpy as np
import pytest

from manifests.errors import BadInput
from manifests.poses import Poses, boxes_around
from models.spot.chunks import chunks
from models.spot.detect import detect, spot
from models.store import Item, Recording, hold_store
from tests.models.spot.conftest import FPS, stream


def held(positions):
    ones = np.ones(positions.shape[:2], np.float32)
    return hold_store([Recording(positions, ones, "", (Item("x", 0, len(positions)),))], "coco17", y_down=True)


def poses_of(positions, skeleton="coco17"):
    keypoints = np.concatenate([positions, np.ones((*positions.shape[:2], 1), np.float32)], axis=2)
    return Poses("x", skeleton, keypoints, boxes_around(keypoints))


def test_windows_lie_where_they_should():
    # The left wrist walks one shoulder width (100 px) in 100 frames; every second frame from frame 10 on.
    positions = np.tile(np.linspace(0, 1, 17)[:, None] * [80, 200] + [100, 100], (40, 1, 1)).astype(np.float32)
    positions[:, 5], positions[:, 6] = (200, 150), (100, 150)
    positions[:, 9] = np.stack([np.arange(40) + 150.0, np.full(40, 150.0)], axis=1)
    batch, inside = chunks(held(positions), np.array([0]), np.array([10.0]), np.array([2.0]), 20)
    wrist = list(held(positions).skeleton.joints).index("left_wrist")
    assert inside.tolist() == [15]  # frames 10, 12, … 38
    np.testing.assert_allclose(batch.positions[0, :15, wrist, 0], (10 + 2 * np.arange(15)) / 100, atol=1e-5)
    assert batch.valid[0, :15].all()
    assert not batch.valid[0, 15:].any()


def test_a_long_clip_is_as_its_parts(trained):
    """Three minutes in one piece: windows and seams lose nothing and find nothing twice."""
    _, spotter, _ = trained
    positions, gestures = stream(99, 4500)
    found = detect(spotter, held(positions), 0, FPS)
    sure = found.score > 0.4
    span, label = found.span[sure], found.label[sure]
    hits = [
        sum(
            min(end, e) - max(start, s) > 0.5 * (max(end, e) - min(start, s)) and kind == k
            for (s, e), k in zip(span, label, strict=True)
        )
        for start, end, kind in gestures
    ]
    assert len(gestures) > 40
    assert np.mean(np.array(hits) == 1) > 0.85
    assert np.mean(np.array(hits) > 1) < 0.07
    # Also where one window ends and the next begins: at frames 768, 1280, …
    near = [
        h
        for h, (s, e, _) in zip(hits, gestures, strict=True)
        if any(s - 25 < seam < e + 25 for seam in range(768, 4500, 512))
    ]
    assert len(near) >= 4
    assert np.mean(near) > 0.7


def test_another_frame_rate_gives_the_same_times(trained):
    _, spotter, _ = trained
    positions, _ = stream(5)
    usual, slow = detect(spotter, held(positions), 0, FPS), detect(spotter, held(positions[::2]), 0, FPS / 2)
    best = usual.score > 0.6
    assert best.sum() >= 3
    for start, end in usual.span[best]:
        apart = np.abs(slow.span[slow.score > 0.3] * 2 - [start, end]).max(1)
        assert apart.min() < 6


def test_candidates(trained):
    _, spotter, _ = trained
    positions, gestures = stream(6)
    every, some = spot(spotter, poses_of(positions), FPS), spot(spotter, poses_of(positions), FPS, recall=0.8)
    assert len(some) < len(every)
    assert {(c.start, c.end) for c in some} <= {(c.start, c.end) for c in every}
    assert abs(len(some) - len(gestures)) <= 4
    for candidate in every:
        assert 0 <= candidate.start < candidate.end <= len(positions)
        assert set(candidate.labels) == {"left", "right"}
        assert list(candidate.scores) == sorted(candidate.scores, reverse=True)
        assert all(0 < score <= 1 for score in candidate.scores)
    assert [c.start for c in every] == sorted(c.start for c in every)


def test_a_clip_of_one_frame_and_one_without_anybody(trained):
    _, spotter, _ = trained
    positions, _ = stream(6)
    assert spot(spotter, poses_of(positions[:1]), FPS, recall=0.5) == []
    nobody = poses_of(positions)
    nobody.keypoints[..., 2] = 0
    nobody.boxes[:] = np.nan
    assert spot(spotter, nobody, FPS, recall=0.5) == []


def test_a_skeleton_that_nobody_knows(trained):
    _, spotter, _ = trained
    with pytest.raises(BadInput, match="no skeleton called 'coco18'"):
        spot(spotter, poses_of(stream(6)[0], "coco18"), FPS)
