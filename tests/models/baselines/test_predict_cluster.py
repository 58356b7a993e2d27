import torch

from models.baselines.predict_cluster import PredictAndCluster, PredictSettings
from models.skeletons import skeleton
from models.speed import random_batch
from tests.models.baselines.learning import learn

NATOPS = skeleton("natops8")


def test_parameter_count_by_hand():
    """A GRU of width w on d inputs has 3 · w · (d + w + 2); the later layers read both directions of the one before."""
    w, d = 1024, 75
    encoder = 2 * 3 * w * (d + w + 2) + 2 * (2 * 3 * w * (2 * w + w + 2))
    decoder = 3 * 2 * w * (d + 2 * w + 2)
    out = 2 * w * d + d
    model = PredictAndCluster(skeleton("kinect25"))
    assert sum(p.numel() for p in model.parameters()) == encoder + decoder + out
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == encoder + out


def test_shapes_for_any_skeleton():
    for joints in ("natops8", "coco17"):
        model = PredictAndCluster(skeleton(joints), PredictSettings(width=8, layers=2))
        assert model.embed(random_batch(3, 12, joints)).shape == (3, 16)


def test_unseen_joints_do_not_count():
    torch.manual_seed(0)
    model, batch = PredictAndCluster(NATOPS, PredictSettings(width=8, layers=1)), random_batch(2, 6, "natops8")
    batch.valid[:, :, 2] = False
    batch.positions = batch.positions * batch.valid.unsqueeze(-1)
    whole = model(batch)["loss"]
    with torch.no_grad():
        model.out.bias.view(8, 3)[2] += 100
    torch.testing.assert_close(model(batch)["loss"], whole)


def test_it_learns_a_batch_by_heart():
    torch.manual_seed(0)
    model, batch = PredictAndCluster(NATOPS, PredictSettings(width=48, layers=1)), random_batch(4, 16, "natops8")
    batch.positions = torch.sin(torch.arange(16)[None, :, None, None] / 3 + torch.rand(4, 1, 8, 3) * 6)
    losses = learn(model, batch, 120, 1e-2)
    assert losses[-1] < 0.65 * losses[0]
