import numpy as np
import pytest
import torch

from manifests.errors import BadInput
from models.data import Batch, whole_items, windows
from models.mgfm import MGFM, SIZES, NetworkSettings, _attend, channels, network, pool, tokenise
from models.skeletons import JOINTS, skeleton

SMALL = NetworkSettings(width=32, depth=2, heads=2)


def batch_of(n=2, frames=16, joints="coco17", dims=3, seed=0):
    ids = torch.from_numpy(skeleton(joints).joint_ids)
    positions = torch.randn(n, frames, len(ids), 3, generator=torch.Generator().manual_seed(seed))
    if dims == 2:
        positions[..., 2] = 0
    return Batch(
        positions, torch.ones(positions.shape[:3], dtype=torch.bool), ids, torch.zeros(n).long(), torch.arange(n), dims
    )


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return MGFM(SMALL).eval()


def test_a_token_by_hand():
    """One joint over four frames: 0, 1, 3, unseen."""
    positions = torch.zeros(1, 4, 1, 3)
    positions[0, :, 0, 0] = torch.tensor([0.0, 1.0, 3.0, 0.0])
    valid = torch.tensor([[[True], [True], [True], [False]]])
    batch = Batch(positions, valid, torch.tensor([3]), torch.zeros(1), torch.zeros(1), 3)
    token = tokenise(batch, 4)
    values = token.features[0, 0]
    assert values.shape == (channels(4),)
    mean = 4 / 3
    assert values[0] == pytest.approx(mean)
    assert values[3:6].tolist() == [0, 0, 0]  # it hangs on nothing
    deviation = values[6:18].view(4, 3)[:, 0] / 4
    assert deviation.tolist() == pytest.approx([-mean, 1 - mean, 3 - mean, 0])
    assert token.velocity[0, 0].view(4, 3)[:, 0].tolist() == [0, 1, 2, 0]  # none into the unseen frame
    assert values[42:].tolist() == [1, 1, 1, 0]
    assert token.present.tolist() == [[True]]


def test_a_bone_is_seen_from_the_nearest_ancestor_that_is_there():
    """COCO's wrist hangs on its elbow; without elbows, on the shoulder."""
    names = list(skeleton("coco17").joints)
    batch = batch_of(n=1, frames=8)
    wrist, elbow, shoulder = (names.index(f"left_{name}") for name in ("wrist", "elbow", "shoulder"))
    bone = tokenise(batch, 8).features[0, wrist, 3:6] / 4
    torch.testing.assert_close(bone, (batch.positions[0, :, wrist] - batch.positions[0, :, elbow]).mean(0))
    kept = [joint for joint, name in enumerate(names) if "elbow" not in name]
    without = Batch(
        batch.positions[:, :, kept], batch.valid[:, :, kept], batch.joints[kept], batch.labels, batch.items, 3
    )
    bone = tokenise(without, 8).features[0, kept.index(wrist), 3:6] / 4
    torch.testing.assert_close(bone, (batch.positions[0, :, wrist] - batch.positions[0, :, shoulder]).mean(0))


def test_tokens_go_by_time_then_joint():
    tokens = tokenise(batch_of(frames=20), 8)  # 20 frames make three stretches, the last half unseen
    assert tokens.features.shape == (2, 3 * 17, channels(8))
    assert tokens.times.tolist() == [0] * 17 + [1] * 17 + [2] * 17
    assert tokens.joints[:17].tolist() == tokens.joints[17:34].tolist()
    assert tokens.present.all()
    assert tokens.features[0, 34, -4:].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("joints", ["coco17", "coco_wholebody133", "openpose36", "kinect25", "natops8", "points5"])
@pytest.mark.parametrize("frames", [8, 30, 120])
def test_any_skeleton_and_length(encoder, joints, frames):
    encoded, present = encoder.encode(batch_of(frames=frames, joints=joints))
    count = -(-frames // 8) * len(skeleton(joints).joints)
    assert encoded.shape == (2, count, 32)
    assert present.shape == (2, count)


def test_only_visible_tokens_are_encoded(encoder):
    """Encoding some tokens is the same as encoding a window in which only those were seen."""
    batch = batch_of(n=1, frames=16)
    visible = torch.tensor([[0, 5, 20, 33]])
    some, _ = encoder(tokenise(batch, 8), visible)
    hidden = torch.ones(2 * 17, dtype=torch.bool)
    hidden[visible[0]] = False
    tokens = tokenise(batch, 8)
    tokens.present[:, hidden] = False
    everything, _ = encoder(tokens)
    torch.testing.assert_close(some, everything[:, visible[0]], atol=1e-5, rtol=1e-5)


def test_an_absent_joint_changes_nothing(encoder):
    batch = batch_of(n=3)
    leaf = 16  # an ear, on which nothing hangs
    batch.valid[:, :, leaf] = False
    first = pool(*encoder.encode(batch))
    batch.positions[:, :, leaf] = 1e3  # what an unseen joint's position says must not matter
    batch.positions *= batch.valid.unsqueeze(-1)
    torch.testing.assert_close(pool(*encoder.encode(batch)), first)
    kept = [joint for joint in range(17) if joint != leaf]
    without = Batch(
        batch.positions[:, :, kept], batch.valid[:, :, kept], batch.joints[kept], batch.labels, batch.items, 3
    )
    torch.testing.assert_close(pool(*encoder.encode(without)), first, atol=1e-5, rtol=1e-4)


def test_the_order_of_joints_does_not_matter(encoder):
    batch = batch_of()
    order = torch.randperm(17, generator=torch.Generator().manual_seed(1))
    shuffled = Batch(
        batch.positions[:, :, order], batch.valid[:, :, order], batch.joints[order], batch.labels, batch.items, 3
    )
    torch.testing.assert_close(pool(*encoder.encode(batch)), pool(*encoder.encode(shuffled)), atol=1e-5, rtol=1e-4)


def test_nobody_in_view_gives_a_number(encoder):
    batch = batch_of()
    batch.valid[0] = False
    encoded = pool(*encoder.encode(batch))
    assert torch.isfinite(encoded).all()
    assert (encoded[0] == 0).all()


def test_two_dimensions_are_told_apart(encoder):
    with torch.no_grad():
        encoder.flat.normal_()
    flat = batch_of(dims=2)
    deep = Batch(flat.positions, flat.valid, flat.joints, flat.labels, flat.items, 3)
    assert not torch.allclose(pool(*encoder.encode(flat)), pool(*encoder.encode(deep)))


def test_sizes():
    counts = {name: sum(p.numel() for p in MGFM(settings).parameters()) for name, settings in SIZES.items()}
    # 12 · width² a block (4 attention, 8 perceptron), and little beside.
    for name, count in counts.items():
        settings = SIZES[name]
        assert count == pytest.approx(12 * settings.width**2 * settings.depth, rel=0.06), name
    with pytest.raises(BadInput, match="Sizes are tiny, small, base"):
        network("huge")


def test_a_real_batch(encoder, store):
    items = np.arange(len(store))
    batch = windows(store, items, *whole_items(store, items), 64)
    assert pool(*encoder.encode(batch)).shape == (len(store), 32)


def test_attention_written_out_is_the_fused_one():
    """On a CPU in bfloat16, training takes another path; it must be the same function, with and without a mask."""
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 2, 12, 8, dtype=torch.bfloat16) for _ in range(3))
    mask = torch.rand(2, 1, 1, 12) > 0.3
    for present in (None, mask):
        fused = _attend(q, k, v, present)
        written_out = _attend(q.clone().requires_grad_(), k, v, present)
        assert written_out.requires_grad
        torch.testing.assert_close(written_out.float(), fused.float(), atol=0.02, rtol=0.02)


def test_an_unknown_joint_starts_as_its_nearest():
    encoder = MGFM(NetworkSettings(width=16, depth=1, heads=2))
    before = encoder.joint.weight.clone()
    known = skeleton("kinect20").joints
    encoder.introduce(known)
    for name in ("left_middle_tip", "left_thumb_tip", "left_hand"):
        assert torch.equal(encoder.joint.weight[JOINTS.index(name)], before[JOINTS.index("left_hand")])
    for name in known:
        assert torch.equal(encoder.joint.weight[JOINTS.index(name)], before[JOINTS.index(name)])
