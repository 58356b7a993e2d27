"""Joint sets: checked by hand against the formats' own numbering."""

import numpy as np
import pytest

from manifests.errors import BadInput
from models.skeletons import JOINTS, PARTS, nearest, skeleton

KNOWN = [
    "coco17",
    "coco_wholebody133",
    "openpose137",
    "openpose22",
    "openpose36",
    "holistic",
    "kinect20",
    "kinect25",
    "msr20",
    "natops8",
]


@pytest.mark.parametrize(
    ("name", "columns", "joints"),
    [
        ("coco17", 17, 17),
        ("coco_wholebody133", 133, 17 + 2 + 28 + 42),  # heels and small toes have no place
        ("openpose137", 137, 19 + 2 + 28 + 42),
        ("openpose22", 22, 22),
        ("openpose36", 36, 36),
        ("holistic", 543, 17 + 2 + 28 + 42),
        ("kinect20", 20, 20),
        ("kinect25", 25, 25),
        ("msr20", 20, 20),
        ("natops8", 8, 8),
        ("points12", 12, 12),
    ],
)
def test_sizes(name, columns, joints):
    assert (skeleton(name).n_columns, len(skeleton(name).joints)) == (columns, joints)


@pytest.mark.parametrize(
    ("name", "column", "joint"),
    [
        ("coco17", 0, "nose"),
        ("coco17", 9, "left_wrist"),
        ("coco_wholebody133", 91, "left_hand_root"),
        ("coco_wholebody133", 99, "left_index_tip"),
        ("coco_wholebody133", 112, "right_hand_root"),
        ("coco_wholebody133", 31, "chin"),
        ("openpose137", 1, "neck"),
        ("openpose137", 4, "right_wrist"),
        ("openpose137", 33, "chin"),
        ("openpose137", 103, "left_index_tip"),
        ("openpose137", 124, "right_index_tip"),
        ("openpose22", 12, "left_thumb_tip"),
        ("openpose22", 17, "right_thumb_tip"),
        ("openpose36", 8, "right_eye"),
        ("openpose36", 14, "chin"),
        ("openpose36", 24, "left_hand_root"),
        ("openpose36", 35, "right_little_tip"),
        ("holistic", 15, "left_wrist"),
        ("holistic", 33 + 8, "left_index_tip"),
        ("holistic", 33 + 21 + 8, "right_index_tip"),
        ("holistic", 33 + 42 + 152, "chin"),
        ("kinect20", 0, "pelvis"),
        ("kinect20", 11, "right_hand"),
        ("kinect25", 20, "neck"),
        ("kinect25", 21, "left_middle_tip"),
        ("msr20", 6, "pelvis"),
        ("msr20", 19, "head"),
        ("natops8", 3, "right_elbow"),
    ],
)
def test_columns_by_hand(name, column, joint):
    assert skeleton(name).columns[column] == joint


@pytest.mark.parametrize("name", KNOWN)
def test_every_joint_set_is_consistent(name):
    joints = skeleton(name)
    order = [JOINTS.index(joint) for joint in joints.joints]
    assert order == sorted(set(order))
    assert set(joints.parts) <= set(PARTS)
    assert (joints.mirror[joints.mirror] == np.arange(len(order))).all()
    assert len(joints.limbs) == len(order) - 1
    reached = {0}
    for _ in joints.limbs:
        reached |= {b for a, b in joints.limbs if a in reached} | {a for a, b in joints.limbs if b in reached}
    assert reached == set(range(len(order)))


def test_coco_limbs_cross_the_missing_neck():
    joints = skeleton("coco17")
    limbs = {frozenset((joints.joints[a], joints.joints[b])) for a, b in joints.limbs}
    assert frozenset(("left_elbow", "left_shoulder")) in limbs
    assert frozenset(("left_shoulder", "right_shoulder")) in limbs
    assert frozenset(("left_ear", "left_eye")) in limbs


def test_the_joint_that_is_most_like():
    kinect = skeleton("kinect20").joints
    assert nearest("left_middle_tip", kinect) == "left_hand"  # of its part, though the wrist is fewer limbs away
    assert nearest("nose", kinect) == "head"
    assert nearest("right_wrist", ["left_wrist", "right_elbow"]) == "right_elbow"
    assert nearest("point_3", kinect) == kinect[0]  # an anonymous point is like none


def test_select_reorders_and_drops():
    source = np.arange(133, dtype=np.float32)[None, :, None].repeat(2, axis=0)
    joints = skeleton("coco_wholebody133")
    chosen = joints.select(source)
    assert chosen.shape == (2, len(joints.joints), 1)
    assert chosen[0, joints.joints.index("left_index_tip"), 0] == 99


def test_a_wrong_number_of_joints_is_named():
    with pytest.raises(BadInput, match=r"18 joints, but skeleton coco17 has 17"):
        skeleton("coco17").select(np.zeros((4, 18, 3), np.float32))


@pytest.mark.parametrize("name", ["coco18", "points0", "points65", "points", ""])
def test_unknown_skeletons(name):
    with pytest.raises(BadInput, match="Known are coco17"):
        skeleton(name)
