import numpy as np
import pytest
import torch

from models.augment import Augment, augment
from models.data import whole_items, windows
from models.mgfm import NetworkSettings, tokenise
from models.objectives import Objective, Pretraining, contrast, draw_visible, motion_targets, vicreg

NETWORK = NetworkSettings(width=32, depth=2, heads=2)


@pytest.fixture
def batch(store):
    items = np.arange(16)
    return windows(store, items, *whole_items(store, items), 32)


def views(batch):
    return tuple(augment(batch, Augment(), torch.Generator().manual_seed(seed)) for seed in (1, 2))


def test_vicreg_by_hand():
    # Two samples, one channel: invariance ((0-1)² + (2-1)²)/2 = 1; deviations √2 and 0, so variance (0 + 0.99)/2.
    a, b = torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [1.0]])
    assert vicreg(a, b).item() == pytest.approx(1 + (0 + 1 - 0.01) / 2, abs=1e-3)


def test_vicreg_penalises_channels_that_say_the_same():
    x = torch.randn(64, 1, generator=torch.Generator().manual_seed(0))
    same, apart = x.repeat(1, 4), torch.randn(64, 4, generator=torch.Generator().manual_seed(1))
    assert vicreg(same, same) > vicreg(apart, apart) + 0.1


def test_contrast_by_hand():
    # Two pairs, at right angles: each row's partner has likeness 1, the two others 0; loss = log(1 + 2/e) at temperature 1.
    a = torch.eye(2)
    assert contrast(a, a, 1.0).item() == pytest.approx(np.log(1 + 2 / np.e))


def test_targets_do_not_depend_on_size_but_noise_stays_small():
    motion = torch.tensor([0.0, 0.5, -0.5, 0.5, 0.0, 0.0])
    torch.testing.assert_close(motion_targets(motion, 0.004), motion_targets(motion / 10, 0.004), atol=0.02, rtol=0.02)
    assert motion_targets(motion / 5000, 0.004).abs().max() < 0.05


def test_visible_and_hidden_share_nothing_and_absent_joints_are_neither(batch):
    batch.valid[:, :, 3] = False
    batch.valid[:4, :16, 5:9] = False
    tokens = tokenise(batch, 8)
    visible, hidden = draw_visible(tokens, Objective(visible=0.5, predicted=0.5))
    count = tokens.present.shape[1]
    assert visible.shape == (16, round(count * 0.5))
    assert hidden.shape == (16, round((count - visible.shape[1]) * 0.5))
    for row in range(16):
        assert not set(visible[row].tolist()) & set(hidden[row].tolist())
    assert tokens.present.gather(1, visible).all()


def test_what_moves_is_shown_more_often(batch):
    tokens = tokenise(batch, 8)
    wrists = [index for index, joint in enumerate(batch.joints) if "wrist" in name_of(joint)]
    shown = {}
    for strength in (0.0, 3.0):
        torch.manual_seed(0)
        hits = 0
        for _ in range(20):
            visible, _ = draw_visible(tokens, Objective(visible=0.5, motion_aware=strength))
            hits += sum((visible % 17 == wrist).sum().item() for wrist in wrists)
        shown[strength] = hits / (20 * 16 * len(wrists) * 4)
    assert shown[0.0] == pytest.approx(0.5, abs=0.05)
    assert shown[3.0] > 0.8


def name_of(joint):
    from models.skeletons import JOINTS

    return JOINTS[int(joint)]


@pytest.mark.parametrize("view", ["vicreg", "contrast", "distill", "none"])
@pytest.mark.parametrize("motion", [0.0, 1.0])
def test_each_part_can_be_left_out(batch, view, motion):
    torch.manual_seed(0)
    module = Pretraining(NETWORK, Objective(motion=motion, view=view))
    losses = module(views(batch))
    assert set(losses) == {"loss"} | ({"motion"} if motion else set()) | ({"view"} if view != "none" else set())
    if motion or view != "none":
        losses["loss"].backward()
        unused = [name for name, p in module.named_parameters() if p.requires_grad and p.grad is None]
        assert not unused  # data-parallel training waits for every gradient
    assert hasattr(module, "predictor") == bool(motion)
    assert hasattr(module, "projector") == (view != "none")


@pytest.mark.parametrize("view", ["vicreg", "contrast", "distill", "none"])
def test_it_learns_a_batch_by_heart(batch, view):
    torch.manual_seed(0)
    module = Pretraining(NETWORK, Objective(motion=1.0, view=view, motion_aware=0.0, projector=64))
    optimiser = torch.optim.Adam(module.parameters(), 3e-3)
    pair = views(batch)
    history = []
    for step in range(60):
        torch.manual_seed(step % 4)  # the same few masks again and again
        losses = module(pair)
        optimiser.zero_grad()
        losses["loss"].backward()
        optimiser.step()
        module.after_step()
        history.append({name: value.item() for name, value in losses.items()})
    assert history[-1]["motion"] < 0.8 * history[0]["motion"]
    if view in ("vicreg", "contrast"):
        assert history[-1]["view"] < 0.8 * history[0]["view"]


def test_motion_is_predicted_from_what_is_seen(batch):
    """A network that may look does better than the best constant, which is zero."""
    torch.manual_seed(0)
    module = Pretraining(NETWORK, Objective(motion=1.0, view="none", motion_aware=0.0, visible=0.7, part_weights={}))
    optimiser = torch.optim.Adam(module.parameters(), 3e-3)
    losses = []
    for step in range(450):
        torch.manual_seed(step)
        loss = module(views(batch))["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    tokens = tokenise(views(batch)[0], 8)
    constant = motion_targets(tokens.velocity, 0.01).view(*tokens.velocity.shape[:2], -1, 3)[..., :2].square().mean()
    assert np.mean(losses[-50:]) < 0.75 * constant


def test_the_teacher_follows():
    torch.manual_seed(0)
    module = Pretraining(NETWORK, Objective(view="distill", momentum=0.5))
    with torch.no_grad():
        module.encoder.embed.weight += 1
    before = module.teacher[0].embed.weight.clone()
    module.after_step()
    torch.testing.assert_close(module.teacher[0].embed.weight - before, torch.full_like(before, 0.5))
    assert all(not p.requires_grad for p in module.teacher.parameters())


def test_part_weights_count(batch):
    heavy = Pretraining(NETWORK, Objective(motion=1.0, part_weights={"arms": 5.0}))
    joints = [name_of(joint) for joint in batch.joints]
    weights = heavy.joint_weights[batch.joints]
    assert {name: weight.item() for name, weight in zip(joints, weights, strict=True)}["left_wrist"] == 5.0
