"""The body: a chain of rigid limbs from the pelvis to the wrists, posed by angles and, for the arms, by where the hand is to be.

Metres. The origin is between the hip joints of the seat; x points to the person's left, y up, z to the front. Points are arrays
(3, frames), frames of reference (3 axes, 3 components, frames): everything is elementwise over frames, so that no frame's value
depends on how many there are. Limbs are rigid: whatever the angles, their lengths stay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["LEFT", "RIGHT", "Body", "Floats", "Trunk", "bend_arm", "orthonormal", "pose_trunk", "rotation", "sign_of"]

Floats = npt.NDArray[np.float32]

LEFT, RIGHT = 0, 1


_DOUBT = np.float32(0.4)
_DOWN_AND_BACK = np.array([[0.0], [-0.8], [-0.6]], np.float32)


def sign_of(side: int) -> float:
    """+1 for the left side, whose x is positive; -1 for the right."""
    return 1.0 if side == LEFT else -1.0


@dataclass(frozen=True)
class Body:
    """Lengths of one person, in metres.

    The proportions to stature are those of Drillis and Contini (1966), as tabulated in D. A. Winter, Biomechanics and Motor
    Control of Human Movement; shoulders and hips are joint centres, so narrower than the outer breadth given there.

    Attributes:
        lumbar: hip joints' middle to the waist; with `thorax` it makes the trunk.
        thorax: waist to the middle of the shoulders.
        shoulder: the middle of the shoulders to one of them.
        hip: the middle of the hips to one of them.
        neck: the middle of the shoulders to the middle of the ears.
        upper_arm: shoulder to elbow.
        forearm: elbow to wrist.
        hand: wrist to the tip of the stretched middle finger.
        head: size of the head and face; 1 for ears 15 cm apart.
    """

    lumbar: float
    thorax: float
    shoulder: float
    hip: float
    neck: float
    upper_arm: float
    forearm: float
    hand: float
    head: float

    @staticmethod
    def of_stature(stature: float, breadth: float = 1.0, arms: float = 1.0, head: float = 1.0) -> Body:
        """A body of this stature in metres; the other arguments widen it, lengthen its arms, enlarge its head (1: average)."""
        return Body(
            lumbar=0.110 * stature,
            thorax=0.178 * stature,
            shoulder=0.103 * stature * breadth,
            hip=0.058 * stature * breadth,
            neck=0.098 * stature,
            upper_arm=0.186 * stature * arms,
            forearm=0.146 * stature * arms,
            hand=0.108 * stature * arms,
            head=head,
        )

    @property
    def scale(self) -> float:
        """Size of the trunk against that of a person of 1.75 m."""
        return (self.lumbar + self.thorax) / (0.288 * 1.75)


def rotation(yaw: Floats, pitch: Floats, roll: Floats) -> Floats:
    """(3, 3, frames) axes x, y, z after roll about z, then pitch about x (forward), then yaw about y (to the left); radians."""
    sa, ca, sb, cb, sc, cc = np.sin(yaw), np.cos(yaw), np.sin(pitch), np.cos(pitch), np.sin(roll), np.cos(roll)
    axes = np.empty((3, 3, len(yaw)), np.float32)
    axes[0, 0] = ca * cc + sa * sc * sb
    axes[0, 1] = sc * cb
    axes[0, 2] = ca * sc * sb - sa * cc
    axes[1, 0] = sa * cc * sb - ca * sc
    axes[1, 1] = cc * cb
    axes[1, 2] = sa * sc + ca * cc * sb
    axes[2, 0] = sa * cb
    axes[2, 1] = -sb
    axes[2, 2] = ca * cb
    return axes


def orthonormal(forward: Floats, up: Floats) -> tuple[Floats, Floats]:
    """Unit vectors along `forward`, and along what of `up` is at right angles to it; both (3, frames)."""
    forward = forward / _norm(forward)
    up = up - _dot(forward, up) * forward
    return forward, up / _norm(up)


@dataclass(frozen=True)
class Trunk:
    """Where trunk and head are.

    Attributes:
        pelvis: (3, frames) middle of the hips.
        top: (3, frames) middle of the shoulders.
        head: (3, frames) middle of the ears.
        chest_axes, head_axes: (3, 3, frames).
        shoulders: (2, 3, frames) left and right.
    """

    pelvis: Floats
    top: Floats
    head: Floats
    chest_axes: Floats
    head_axes: Floats
    shoulders: Floats


def pose_trunk(body: Body, angle: dict[str, Floats]) -> Trunk:
    """Forward kinematics of the trunk, the shoulders, neck and head.

    Args:
        angle: (frames,) each. In radians: `lean` (trunk forward), `slouch` (chest forward of that), `sway` (to the right),
            `twist` (to the left), `shrug_left`, `shrug_right` (collar bones up), `neck` (neck forward of the chest), `nod`
            (face down), `turn` (face to the left), `tilt` (head to the right); in metres: `shift_x`, `shift_z` of the pelvis.
    """
    zero = np.zeros_like(angle["lean"])
    pelvis = np.stack([angle["shift_x"], zero, angle["shift_z"]])
    low = rotation(0.5 * angle["twist"], angle["lean"], 0.6 * angle["sway"])
    chest = rotation(angle["twist"], angle["lean"] + angle["slouch"], angle["sway"])
    top = pelvis + body.lumbar * low[1] + body.thorax * chest[1]
    shoulders = np.empty((2, 3, len(zero)), np.float32)
    for side, name in ((LEFT, "shrug_left"), (RIGHT, "shrug_right")):
        out, up = np.cos(angle[name]), np.sin(angle[name])
        shoulders[side] = top + body.shoulder * (sign_of(side) * out * chest[0] + up * chest[1])
    neck = rotation(
        angle["twist"], angle["lean"] + angle["slouch"] + angle["neck"], angle["sway"] + 0.4 * angle["tilt"]
    )
    # People keep looking ahead while the trunk moves, so the head's pitch is its own and its yaw follows the chest in part.
    head_axes = rotation(0.4 * angle["twist"] + angle["turn"], angle["nod"], 0.3 * angle["sway"] + angle["tilt"])
    return Trunk(pelvis, top, top + body.neck * neck[1], chest, head_axes, shoulders)


def bend_arm(body: Body, shoulder: Floats, wrist: Floats, hint: Floats) -> tuple[Floats, Floats]:
    """Inverse kinematics of one arm: the elbow, and the wrist where the arm reaches it.

    Args:
        shoulder, wrist: (3, frames) where the arm starts and where its wrist is wanted.
        hint: (3, frames) the direction that the elbow is to point in, seen from the line between the two.

    Returns:
        (elbow, wrist), (3, frames) each. A wrist out of reach comes to lie on the line to where it was wanted.
    """
    upper, fore = body.upper_arm, body.forearm
    line = wrist - shoulder
    wanted = _norm(line)
    along = line / wanted
    distance = np.clip(wanted, abs(upper - fore) + 0.03, 0.995 * (upper + fore))
    onto = (upper * upper - fore * fore + distance * distance) / (2 * distance)
    aside = np.sqrt(np.maximum(upper * upper - onto * onto, 0))
    outward = hint - _dot(along, hint) * along
    # A hint along the arm says nothing, and the elbow would swing round as the hand passes there; then it hangs down and back.
    doubt = np.maximum(_DOUBT - _norm(outward), 0) * np.float32(2)
    hanging = _DOWN_AND_BACK - _dot(along, np.broadcast_to(_DOWN_AND_BACK, along.shape)) * along
    outward = outward + doubt * hanging
    outward = outward / _norm(outward)
    elbow = shoulder + onto * along + aside * outward
    return elbow, shoulder + distance * along


def _dot(a: Floats, b: Floats) -> Floats:
    return np.asarray(a[0] * b[0] + a[1] * b[1] + a[2] * b[2], dtype=np.float32)


def _norm(a: Floats) -> Floats:
    return np.asarray(np.sqrt(_dot(a, a)) + np.float32(1e-9), dtype=np.float32)
