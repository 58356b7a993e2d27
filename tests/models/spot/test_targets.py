"""Targets and losses, by hand."""

import numpy as np
import pytest
import torch
from torchvision.ops import distance_box_iou_loss

from models.spot.network import SpotNetwork, SpotterNetwork
from models.spot.targets import distance_iou_loss, targets_of

NETWORK = SpotterNetwork(SpotNetwork(width=8, levels=3, context=1), 4)
FRAMES = 64  # 32 points, then 16, then 8
MIDDLES, STEPS = NETWORK.points(FRAMES)


def targets(*gestures, length=32.0):
    spans = torch.tensor([[start, end] for start, end, _ in gestures], dtype=torch.float32).reshape(-1, 2)
    labels = torch.tensor([label for *_, label in gestures], dtype=torch.long)
    return targets_of([spans], [labels], torch.tensor([length]), MIDDLES, STEPS, 32.0)


def test_points_lie_in_the_middle_of_what_they_stand_for():
    assert MIDDLES[:3].tolist() == [0.5, 1.5, 2.5]
    assert MIDDLES[32:35].tolist() == [1.0, 3.0, 5.0]
    assert MIDDLES[48:50].tolist() == [2.0, 6.0]
    assert (STEPS.unique().tolist(), len(MIDDLES)) == ([1, 2, 4], 56)


def test_a_short_gesture_is_the_finest_levels():
    # [10, 14): its middle is 12, and the farther end of points 10.5 … 13.5 lies at most 3.5 away.
    found = targets((10, 14, 3))
    assert torch.nonzero(found.label[0] >= 0).flatten().tolist() == [10, 11, 12, 13]
    assert found.label[0, 10:14].tolist() == [3, 3, 3, 3]
    assert found.apart[0, 10].tolist() == [0.5, 3.5]
    assert found.counts.all()


def test_a_long_one_is_the_coarsest():
    # [4, 28): the farther end lies at least 12 from any point, above the middle level's 8.
    found = targets((4, 28, 1))
    positive = torch.nonzero(found.label[0] >= 0).flatten()
    assert MIDDLES[positive].tolist() == [10.0, 14.0, 18.0, 22.0]
    assert (positive >= 48).all()


def test_of_two_the_shorter():
    found = targets((8, 16, 0), (11, 14, 2))
    assert found.label[0, 12] == 2
    assert found.apart[0, 12].tolist() == [1.5, 1.5]


def test_what_the_window_cuts_and_what_lies_beyond_the_clip_is_not_judged():
    found = targets((-3, 5, 0), length=20.0)
    assert (found.label == -1).all()
    assert not found.counts[0, :5].any()
    assert found.counts[0, 5:20].all()
    assert not found.counts[0, 20:32].any()


def test_distance_iou_by_hand_and_against_torchvision():
    # Given [-1, 3], wanted [-2, 2]: 3 of 5 shared, middles 1 apart of 5.
    loss = distance_iou_loss(torch.tensor([[1.0, 3.0]]), torch.tensor([[2.0, 2.0]]))
    assert loss.item() == pytest.approx(1 - 3 / 5 + (1 / 5) ** 2)
    rng = np.random.default_rng(0)
    given, wanted = (torch.from_numpy(rng.uniform(0.1, 5, (20, 2))) for _ in range(2))

    def boxes(apart):
        # Of no height to speak of, so that the boxes' diagonal is their length.
        low = torch.zeros(len(apart), dtype=torch.float64)
        return torch.stack([-apart[:, 0], low, apart[:, 1], low + 1e-3], dim=1)

    torch.testing.assert_close(
        distance_iou_loss(given, wanted), distance_box_iou_loss(boxes(given), boxes(wanted)), rtol=1e-3, atol=1e-4
    )
