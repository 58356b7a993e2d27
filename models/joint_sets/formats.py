"""Which canonical joint each column of a pose format is; None where the canonical set has no such place."""

from __future__ import annotations

from models.joint_sets.canonical import FACE_POINTS

__all__ = ["FORMATS"]

Columns = tuple[str | None, ...]

_FINGER_BONES = tuple(
    f"{finger}_{bone}"
    for finger, bones in (
        ("thumb", ("cmc", "mcp", "ip", "tip")),
        ("index", ("mcp", "pip", "dip", "tip")),
        ("middle", ("mcp", "pip", "dip", "tip")),
        ("ring", ("mcp", "pip", "dip", "tip")),
        ("little", ("mcp", "pip", "dip", "tip")),
    )
    for bone in bones
)


def _hand21(side: str) -> Columns:
    """The 21 points of a hand as OpenPose, COCO-WholeBody and MediaPipe order them: root, then thumb to little finger."""
    return (f"{side}_hand_root", *(f"{side}_{bone}" for bone in _FINGER_BONES))


_FACE68: Columns = tuple(FACE_POINTS.get(index) for index in range(68))

_COCO17: Columns = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
    *("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    *("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
)

_WHOLEBODY133: Columns = (
    *_COCO17,
    *("left_foot", None, None, "right_foot", None, None),  # big toe, small toe, heel
    *_FACE68,
    *_hand21("left"),
    *_hand21("right"),
)

_BODY25: Columns = (
    *("nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist"),
    *("pelvis", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle"),
    *("right_eye", "left_eye", "right_ear", "left_ear"),
    *("left_foot", None, None, "right_foot", None, None),
)

# Columns 0 to 24 body, 25 to 94 face (68 points and two pupils), then the hands, as the iMiGUE files have them.
_OPENPOSE137: Columns = (*_BODY25, *_FACE68, None, None, *_hand21("left"), *_hand21("right"))

# iMiGUE's light skeleton: twelve joints of the upper body, then the tips of the fingers.
OPENPOSE22_COLUMNS = (*range(8), *range(15, 19), 99, 103, 107, 111, 115, 120, 124, 128, 132, 136)
# The 36 of the MiGA 2025 winner (arXiv 2507.08344): body, twelve of the face, root and tips of the hands.
OPENPOSE36_COLUMNS = (
    *(*range(8), *range(15, 19)),
    *(27, 29, 33, 37, 39, 44, 49, 52, 73, 76, 79, 82),
    *(95, 99, 103, 107, 111, 115, 116, 120, 124, 128, 132, 136),
)

_MEDIAPIPE_POSE33: Columns = (
    *("nose", None, "left_eye", None, None, "right_eye", None, "left_ear", "right_ear", None, None),
    *("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    *(None, None, None, None, None, None),  # rough finger points; the hand models give better ones
    *("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
    *(None, None, "left_foot", "right_foot"),
)

# Where the 468-point mesh has the places of the 68-point mark-up.
_MESH_OF_FACE_POINT = {
    **{2: 93, 4: 172, 8: 152, 12: 397, 14: 323},
    **{17: 71, 19: 105, 21: 107, 22: 336, 24: 334, 26: 301},
    **{27: 168, 31: 75, 35: 305},
    **{36: 33, 37: 160, 39: 133, 41: 144, 42: 362, 44: 387, 45: 263, 46: 373},
    **{48: 61, 51: 0, 54: 291, 57: 17, 62: 13, 66: 14},
}
_NAME_OF_MESH_POINT = {mesh: FACE_POINTS[point] for point, mesh in _MESH_OF_FACE_POINT.items()}
_MESH468: Columns = tuple(_NAME_OF_MESH_POINT.get(index) for index in range(468))

# Pose, left hand, right hand, face.
_HOLISTIC543: Columns = (*_MEDIAPIPE_POSE33, *_hand21("left"), *_hand21("right"), *_MESH468)

_KINECT20: Columns = (
    *("pelvis", "spine", "neck", "head"),
    *("left_shoulder", "left_elbow", "left_wrist", "left_hand"),
    *("right_shoulder", "right_elbow", "right_wrist", "right_hand"),
    *("left_hip", "left_knee", "left_ankle", "left_foot"),
    *("right_hip", "right_knee", "right_ankle", "right_foot"),
)

_KINECT25: Columns = (
    *("pelvis", "spine", "upper_neck", "head"),
    *_KINECT20[4:],
    *("neck", "left_middle_tip", "left_thumb_tip", "right_middle_tip", "right_thumb_tip"),
)

# MSR Action3D was recorded before the Kinect SDK; its order is its own, the pelvis at index 6.
_MSR20: Columns = (
    *("left_shoulder", "right_shoulder", "neck", "spine", "left_hip", "right_hip", "pelvis"),
    *("left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand"),
    *("left_knee", "right_knee", "left_ankle", "right_ankle", "left_foot", "right_foot", "head"),
)

# NATOPS (Song, Demirdjian, Davis, FG 2011), columns as in the UEA archive.
_NATOPS8: Columns = (
    *("left_middle_tip", "right_middle_tip", "left_elbow", "right_elbow"),
    *("left_wrist", "right_wrist", "left_thumb_tip", "right_thumb_tip"),
)

FORMATS: dict[str, Columns] = {
    "coco17": _COCO17,
    "coco_wholebody133": _WHOLEBODY133,
    "openpose137": _OPENPOSE137,
    "openpose22": tuple(_OPENPOSE137[column] for column in OPENPOSE22_COLUMNS),
    "openpose36": tuple(_OPENPOSE137[column] for column in OPENPOSE36_COLUMNS),
    "holistic": _HOLISTIC543,
    "kinect20": _KINECT20,
    "kinect25": _KINECT25,
    "msr20": _MSR20,
    "natops8": _NATOPS8,
}
