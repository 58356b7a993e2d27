import numpy as np
import pytest
import torch

from models.baselines.poseconv import PoseConv3D, heat_maps
from models.skeletons import skeleton
from models.speed import random_batch
from tests.models.baselines.learning import labelled_batch, learn


def test_parameter_count_is_the_published_one():
    assert sum(p.numel() for p in PoseConv3D(skeleton("coco17"), 60).parameters()) == pytest.approx(2.0e6, rel=0.02)


def test_shapes_for_any_skeleton():
    for joints in ("coco17", "natops8"):
        model = PoseConv3D(skeleton(joints), 5, width=8, size=16).eval()
        batch = random_batch(2, 8, joints)
        assert model.logits(batch).shape == (2, 5)
        assert model.embed(batch).shape == (2, 128)


def test_heat_maps_by_hand():
    """Two joints span the picture: the square is a quarter wider, so they lie at a tenth and nine tenths of it."""
    batch = random_batch(1, 2, "points3")
    batch.positions[:] = 0
    batch.positions[0, :, 0, :2] = torch.tensor([-1.0, -1.0])  # below, left
    batch.positions[0, :, 1, :2] = torch.tensor([1.0, 1.0])  # above, right
    batch.valid[0, :, 2] = False
    maps = heat_maps(batch, 20)
    assert maps.shape == (1, 3, 2, 20, 20)
    for joint, (row, column) in ((0, (17.5, 1.5)), (1, (1.5, 17.5))):
        picture = maps[0, joint, 0].numpy()
        where = np.array(np.meshgrid(range(20), range(20), indexing="ij"))
        centre = (where * picture).sum((1, 2)) / picture.sum()
        np.testing.assert_allclose(centre, (row, column), atol=0.01)
    assert maps[0, 2].abs().max() == 0
    assert maps.max() <= 1


def test_a_window_without_anybody_is_empty():
    batch = random_batch(1, 4, "coco17")
    batch.valid[:] = False
    assert heat_maps(batch, 16).abs().max() == 0


def test_it_learns_a_batch_by_heart():
    torch.manual_seed(0)
    batch = labelled_batch(frames=8)
    model = PoseConv3D(skeleton("natops8"), 3, width=8, size=16)
    model.dropout.p = 0.0
    learn(model, batch, 40)
    assert (model.logits(batch).argmax(1) == batch.labels).all()
