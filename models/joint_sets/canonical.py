"""The canonical joints: one upper body with hands and face (and legs, for data sets that show them).

Every other joint set is described by which of these names each of its columns is. A name stands for one place on the body, so
two formats share a name only where they mean the same place. "Left" is the person's left.
"""

from __future__ import annotations

__all__ = ["CANONICAL", "FACE_POINTS", "PARENT", "PART", "PARTS"]

PARTS = ("torso", "arms", "left_hand", "right_hand", "face", "legs", "points")

# The tree of the body, root first: joint -> its parent. A limb joins a joint to its nearest ancestor that is there.
_TORSO: dict[str, str | None] = {
    "neck": None,  # midway between the shoulders, at the base of the neck
    "left_shoulder": "neck",
    "right_shoulder": "neck",
    "spine": "neck",
    "pelvis": "spine",
    "left_hip": "pelvis",
    "right_hip": "pelvis",
}
_HEAD: dict[str, str | None] = {
    "upper_neck": "neck",
    "head": "upper_neck",  # the head's middle or top, as Kinect gives it
    "nose": "head",
    "left_eye": "nose",
    "right_eye": "nose",
    "left_ear": "left_eye",
    "right_ear": "right_eye",
}
_ARMS: dict[str, str | None] = {
    "left_elbow": "left_shoulder",
    "right_elbow": "right_shoulder",
    "left_wrist": "left_elbow",
    "right_wrist": "right_elbow",
}
_LEGS: dict[str, str | None] = {
    "left_knee": "left_hip",
    "right_knee": "right_hip",
    "left_ankle": "left_knee",
    "right_ankle": "right_knee",
    "left_foot": "left_ankle",  # the toes
    "right_foot": "right_ankle",
}
_FINGERS = {
    "thumb": ("cmc", "mcp", "ip", "tip"),
    "index": ("mcp", "pip", "dip", "tip"),
    "middle": ("mcp", "pip", "dip", "tip"),
    "ring": ("mcp", "pip", "dip", "tip"),
    "little": ("mcp", "pip", "dip", "tip"),
}

# The face by the numbers of the 68-point mark-up (Sagonas et al., ICCVW 2013), of which these 28 tell most.
FACE_POINTS = {
    2: "right_jaw_upper",
    4: "right_jaw",
    8: "chin",
    12: "left_jaw",
    14: "left_jaw_upper",
    17: "right_brow_outer",
    19: "right_brow",
    21: "right_brow_inner",
    22: "left_brow_inner",
    24: "left_brow",
    26: "left_brow_outer",
    27: "nose_bridge",
    31: "right_nostril",
    35: "left_nostril",
    36: "right_eye_outer",
    37: "right_eyelid_upper",
    39: "right_eye_inner",
    41: "right_eyelid_lower",
    42: "left_eye_inner",
    44: "left_eyelid_upper",
    45: "left_eye_outer",
    46: "left_eyelid_lower",
    48: "right_mouth_corner",
    51: "upper_lip",
    54: "left_mouth_corner",
    57: "lower_lip",
    62: "upper_lip_inner",
    66: "lower_lip_inner",
}


def _hand(side: str) -> dict[str, str | None]:
    tree: dict[str, str | None] = {f"{side}_hand": f"{side}_wrist", f"{side}_hand_root": f"{side}_wrist"}
    for finger, bones in _FINGERS.items():
        above = f"{side}_hand_root"
        for bone in bones:
            tree[f"{side}_{finger}_{bone}"] = above
            above = f"{side}_{finger}_{bone}"
    return tree


_BY_PART: dict[str, dict[str, str | None]] = {
    "torso": dict(_TORSO),
    "face": {**_HEAD, **dict.fromkeys(FACE_POINTS.values(), "nose")},
    "arms": dict(_ARMS),
    "left_hand": _hand("left"),
    "right_hand": _hand("right"),
    "legs": dict(_LEGS),
}

CANONICAL: tuple[str, ...] = tuple(name for part in _BY_PART.values() for name in part)
PART: dict[str, str] = {name: part for part, tree in _BY_PART.items() for name in tree}
PARENT: dict[str, str | None] = {name: parent for tree in _BY_PART.values() for name, parent in tree.items()}
