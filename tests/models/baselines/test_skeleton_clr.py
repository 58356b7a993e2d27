import torch
import torch.nn.functional as F

from models.baselines.skeleton_clr import SkeletonCLR, SkeletonCLRSettings, shear
from models.skeletons import skeleton
from models.speed import random_batch
from tests.models.baselines.learning import learn

SMALL = SkeletonCLRSettings(queue=16, momentum=0.9)
NATOPS = skeleton("natops8")


def test_parameter_count_by_hand():
    """The encoder: a graph convolution, nine frames, norms and, where width or length change, a residual, ten times over."""
    widths, before, count = [16] * 4 + [32] * 3 + [64, 64, 256], 3, 2 * 3 * 25
    for index, width in enumerate(widths):
        count += 3 * 25 * 25 + (before + 1) * 3 * width + 2 * width  # weights of the edges, space
        count += (9 * width + 1) * width + 2 * width  # time
        if index > 0 and (before != width):
            count += (before + 1) * width + 2 * width
        before = width
    model = SkeletonCLR(skeleton("kinect25"))
    assert sum(p.numel() for p in model.query.parameters()) == count + (256 * 256 + 256) + (256 * 128 + 128)


def test_shapes_and_the_queue():
    torch.manual_seed(0)
    model = SkeletonCLR(NATOPS, SMALL).train()
    one, other = random_batch(6, 24, "natops8", seed=1), random_batch(6, 24, "natops8", seed=2)
    assert model.embed(one).shape == (6, 256)
    before = model.queue.clone()
    model((one, other))
    assert int(model.place) == 6
    assert torch.equal(model.queue[6:], before[6:])
    torch.testing.assert_close(model.queue[:6].norm(dim=1), torch.ones(6))
    for _ in range(2):
        model((one, other))
    assert int(model.place) == 2  # eighteen keys in a queue of sixteen


def test_the_key_follows_the_query():
    model = SkeletonCLR(NATOPS, SMALL).train()
    with torch.no_grad():
        model.query.blocks[0].space.importance.add_(1.0)
    batch = random_batch(2, 16, "natops8")
    model((batch, batch))
    # A tenth of the way, with a momentum of 0.9.
    torch.testing.assert_close(model.key.blocks[0].space.importance, torch.full((3, 8, 8), 1.1))
    assert not any(p.requires_grad for p in model.key.parameters())


def test_shear_keeps_what_is_flat_flat():
    batch = random_batch(3, 4, "natops8")
    batch.positions[..., 2] = 0
    batch.dims = 2
    torch.manual_seed(0)
    moved = shear(batch, 0.5)
    assert moved.positions[..., 2].abs().max() == 0
    assert (moved.positions - batch.positions).abs().max() > 0
    # x keeps its own part and gains at most half of y.
    gained = (moved.positions[..., 0] - batch.positions[..., 0]) / batch.positions[..., 1]
    assert gained.abs().max() <= 0.5 + 1e-4


def test_it_learns_a_batch_by_heart():
    torch.manual_seed(0)
    # "Views" that have nothing in common: which belong together can only be learned by heart.
    model = SkeletonCLR(NATOPS, SkeletonCLRSettings(queue=64, momentum=0.99, temperature=0.1, shear=0.0))
    views = random_batch(8, 16, "natops8", seed=1), random_batch(8, 16, "natops8", seed=2)
    for view in views:
        view.positions = view.positions * 0.2 + torch.randn(8, 1, 8, 3)
    learn(model, views, 60)
    query, key = model.query.logits(views[0]), model.key.logits(views[1])
    nearest = (F.normalize(query, dim=1) @ F.normalize(key, dim=1).T).argmax(1)
    assert (nearest == torch.arange(8)).float().mean() >= 0.75  # one in eight by chance
