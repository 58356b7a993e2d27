import pytest
import torch

from models.baselines.gcn import CTRGCN, STGCN, STGCNPlusPlus, graph
from models.skeletons import skeleton
from models.speed import random_batch

KINECT = skeleton("kinect25")


@pytest.mark.parametrize(("network", "published"), [(STGCN, 3.1e6), (STGCNPlusPlus, 1.40e6), (CTRGCN, 1.46e6)])
def test_parameter_counts_are_the_published_ones(network, published):
    count = sum(parameter.numel() for parameter in network(KINECT, 60).parameters())
    assert count == pytest.approx(published, rel=0.012)


def test_graph_by_hand():
    coco = skeleton("coco17")
    names = list(coco.joints)
    itself, inward, outward = graph(coco)
    wrist, elbow, shoulder = (names.index(f"left_{name}") for name in ("wrist", "elbow", "shoulder"))
    assert torch.equal(itself, torch.eye(17))
    assert inward[wrist, elbow] == 1  # the elbow has one joint that hangs on it
    assert outward[shoulder, elbow] == 1
    assert ((inward.sum(0) - 1).abs() < 1e-6).logical_or(inward.sum(0) == 0).all()


@pytest.mark.parametrize("network", [STGCN, STGCNPlusPlus, CTRGCN])
def test_shapes_for_any_skeleton(network):
    for joints, frames in (("kinect25", 32), ("natops8", 51)):
        batch = random_batch(2, frames, joints)
        model = network(skeleton(joints), 6).eval()
        assert model.logits(batch).shape == (2, 6)
        assert model.embed(batch).shape == (2, 256)


@pytest.mark.parametrize("network", [STGCN, STGCNPlusPlus, CTRGCN])
def test_it_learns_a_batch_by_heart(network):
    torch.manual_seed(0)
    batch = random_batch(6, 16, "natops8")
    batch.labels = torch.tensor([0, 1, 2, 2, 1, 0])
    model = network(skeleton("natops8"), 3)
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(30):
        optimiser.zero_grad()
        model(batch)["loss"].backward()
        optimiser.step()
    assert (model.logits(batch).argmax(1) == batch.labels).all()


def test_ctr_blocks_begin_as_their_residual():
    model = CTRGCN(KINECT, 5).eval()
    x = torch.randn(2, 64, 8, 25)
    torch.testing.assert_close(model.blocks[1].space(x), torch.relu(x), atol=1e-3, rtol=1e-3)
