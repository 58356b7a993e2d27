import dataclasses

import numpy as np
import pytest
import torch

from models.augment import Augment, augment, mirror_map
from models.data import Batch, windows
from models.skeletons import JOINTS, skeleton
from models.store import Item, Recording, write_store

STRONG = Augment(turn=30, tilt=10, scale=0.2, shift=0.1, limbs=0.1)


def batch_of(positions, joints="coco17", dims=3):
    positions = torch.as_tensor(positions, dtype=torch.float32)
    n = len(positions)
    return Batch(
        positions=positions,
        valid=torch.ones(positions.shape[:3], dtype=torch.bool),
        joints=torch.from_numpy(skeleton(joints).joint_ids),
        labels=torch.zeros(n, dtype=torch.long),
        items=torch.arange(n),
        dims=dims,
    )


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("frames", [64, 48, 32])
def test_a_finger_that_taps_by_one_pixel_survives(tmp_path, frames):
    """Shoulders 200 px apart, a fingertip tapping by one pixel twice a second, 25 fps: resampled, normalised, augmented."""
    joints = skeleton("coco_wholebody133")
    rng = np.random.default_rng(0)
    still = rng.uniform(200, 900, size=(1, 133, 2)).repeat(64, axis=0)
    still[:, 5], still[:, 6] = (600, 400), (400, 400)
    tip = joints.columns.index("right_index_tip")
    tap = np.sin(2 * np.pi * 2 * np.arange(64) / 25)
    still[:, tip, 1] += tap
    recording = Recording(still.astype(np.float32), np.ones((64, 133), np.float32), "P1", (Item("tap", 0, 64),))
    store = write_store([recording], tmp_path, "coco_wholebody133", y_down=True)
    n = 200
    batch = windows(store, np.zeros(n, np.int64), np.zeros(n), np.full(n, 64, np.float32), frames)
    varied = augment(batch, STRONG, generator()).positions
    moved = varied[:, :, joints.joints.index("right_index_tip")]
    moved = moved - moved.mean(1, keepdim=True)
    at = np.linspace(0, 63, frames)
    expected = torch.as_tensor(np.interp(at, np.arange(64), tap), dtype=torch.float32)
    expected = expected - expected.mean()
    amplitude = moved.norm(dim=-1).square().sum(1).sqrt() / expected.norm() * 200  # in pixels, 1 before
    assert amplitude.min() > 0.75
    assert amplitude.max() < 1.35
    likeness = torch.nn.functional.cosine_similarity(-moved[..., 1], expected[None], dim=1)
    assert likeness.min() > 0.99
    others = varied[:, :, joints.joints.index("left_index_tip")]
    assert (others.std(1) * 200).max() < 0.01  # what was still is still


def test_a_turn_keeps_every_distance():
    positions = torch.randn(8, 6, 17, 3, generator=generator(1))
    turned = augment(batch_of(positions), Augment(turn=180, tilt=180, scale=0, shift=0), generator()).positions
    before, after = (x.flatten(1, 2).unsqueeze(1) - x.flatten(1, 2).unsqueeze(2) for x in (positions, turned))
    torch.testing.assert_close(before.norm(dim=-1), after.norm(dim=-1))
    assert (turned - positions).abs().max() > 1


def test_two_dimensions_stay_flat():
    positions = torch.randn(8, 6, 17, 3, generator=generator(1))
    positions[..., 2] = 0
    varied = augment(batch_of(positions, dims=2), Augment(turn=40, tilt=10, noise=0.1), generator()).positions
    assert (varied[..., 2] == 0).all()
    assert (varied[..., 0] != positions[..., 0]).all()


def test_other_limbs_make_another_body_that_is_as_symmetric():
    names = list(skeleton("kinect20").joints)
    positions = torch.randn(50, 6, 20, 3, generator=generator(1))
    positions[:, :, names.index("left_elbow")] = positions[:, :, names.index("left_shoulder")] + torch.tensor(
        [0.0, -1, 0]
    )
    positions[:, :, names.index("right_elbow")] = positions[:, :, names.index("right_shoulder")] + torch.tensor(
        [0.0, -1, 0]
    )
    settings = Augment(turn=0, tilt=0, scale=0, shift=0, limbs=0.25)
    batch = batch_of(positions, "kinect20")
    batch.valid[:, 3:, names.index("left_elbow")] = False
    found = augment(batch, settings, generator()).positions
    arms = [
        found[:, 0, names.index(f"{side}_elbow")] - found[:, 0, names.index(f"{side}_shoulder")]
        for side in ("left", "right")
    ]
    torch.testing.assert_close(arms[0], arms[1])
    length = arms[0].norm(dim=-1)
    assert 0.8 <= length.min() < 0.9 < 1.1 < length.max() <= 1.25
    assert (arms[0][:, [0, 2]].abs() < 1e-5).all()  # no limb turns
    neck = names.index("neck")
    torch.testing.assert_close(found[:, :, neck], positions[:, :, neck])  # the root stays
    # A wrist is carried along alike in the frames in which its elbow is seen and in those in which it isn't.
    still = positions[:, :1].expand(-1, 6, -1, -1).contiguous()
    shown = augment(
        dataclasses.replace(batch, positions=still * batch.valid[..., None]), settings, generator()
    ).positions
    wrist = shown[:, :, names.index("left_wrist")]
    torch.testing.assert_close(wrist[:, 0], wrist[:, 5])


def test_a_mirror_swaps_sides():
    positions = torch.zeros(2, 1, 17, 3)
    names = list(skeleton("coco17").joints)
    positions[:, :, names.index("left_wrist")] = torch.tensor([0.5, 1.0, 2.0])
    settings = Augment(turn=0, tilt=0, scale=0, shift=0, mirror=1)
    found = augment(batch_of(positions), settings, generator()).positions
    assert found[0, 0, names.index("right_wrist")].tolist() == [-0.5, 1.0, 2.0]
    assert found[0, 0, names.index("left_wrist")].tolist() == [0, 0, 0]


@pytest.mark.parametrize("name", ["coco17", "kinect25", "openpose36", "points4"])
def test_mirror_map_agrees_with_the_skeleton(name):
    joints = torch.from_numpy(skeleton(name).joint_ids)
    assert mirror_map(joints).tolist() == skeleton(name).mirror.tolist()
    assert [JOINTS[index] for index in joints] == list(skeleton(name).joints)


def test_hiding_hides_and_never_moves():
    positions = torch.randn(64, 16, 17, 3, generator=generator(2))
    hiding = Augment(turn=0, tilt=0, scale=0, shift=0, hide_joint=0.2, hide_part=0.2, hide_time=0.5)
    found = augment(batch_of(positions), hiding, generator())
    torch.testing.assert_close(found.positions[found.valid], positions[found.valid])
    assert (found.positions[~found.valid] == 0).all()
    assert 0.2 < (~found.valid).float().mean() < 0.5


def test_the_same_seed_gives_the_same_view():
    batch = batch_of(torch.randn(4, 6, 17, 3))
    first, second, third = (augment(batch, STRONG, generator(seed)).positions for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, third)
