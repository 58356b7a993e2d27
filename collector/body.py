"""Where the parts of a body stand among the joints of each skeleton that we read by rule: quality, faces to hide, spotting."""

from __future__ import annotations

from dataclasses import dataclass

from manifests.poses import Poses

__all__ = ["PARTS", "Parts", "parts_of"]


@dataclass(frozen=True)
class Parts:
    """Joints of a skeleton by what they show; left before right.

    Attributes:
        head: nose, eyes, ears.
        hands: those that tell whether a hand is in view: the wrist where the skeleton has no fingers.
        outline: more joints of the face, where the skeleton has any.
    """

    head: tuple[int, int, int, int, int]
    shoulders: tuple[int, int]
    elbows: tuple[int, int]
    wrists: tuple[int, int]
    hips: tuple[int, int]
    hands: tuple[tuple[int, ...], tuple[int, ...]]
    outline: tuple[int, ...] = ()

    @property
    def face(self) -> tuple[int, int, int]:
        """Nose and eyes."""
        return self.head[:3]

    @property
    def body(self) -> tuple[int, ...]:
        """Head, shoulders, elbows, wrists and hips: the first thirteen joints of COCO, in its order."""
        return (*self.head, *self.shoulders, *self.elbows, *self.wrists, *self.hips)


_COCO = ((0, 1, 2, 3, 4), (5, 6), (7, 8), (9, 10), (11, 12))
PARTS = {
    "coco17": Parts(*_COCO, hands=((9,), (10,))),
    "coco_wholebody133": Parts(
        *_COCO, hands=(tuple(range(91, 112)), tuple(range(112, 133))), outline=tuple(range(23, 91))
    ),
    # MediaPipe's body has corners of the eyes at 1 to 6, of the mouth at 9 and 10, and rough fingers at 17 to 22.
    "holistic": Parts(
        (0, 2, 5, 7, 8),
        (11, 12),
        (13, 14),
        (15, 16),
        (23, 24),
        hands=(tuple(range(33, 54)), tuple(range(54, 75))),
        outline=(1, 3, 4, 6, 9, 10, *range(75, 543)),
    ),
}


def parts_of(poses: Poses) -> Parts:
    """Where the parts of the body stand among the joints of some poses.

    Raises:
        ValueError: nobody has said where they stand in this skeleton, or the poses are not in pixels.
    """
    if poses.skeleton not in PARTS or poses.unit != "pixel":
        raise ValueError(f"the parts of skeleton {poses.skeleton!r} in {poses.unit} are not known")
    return PARTS[poses.skeleton]
