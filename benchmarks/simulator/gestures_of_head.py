"""Gestures at the head and the face. Directions are (towards the hand's own side, up, to the front)."""

from __future__ import annotations

from benchmarks.simulator.body import LEFT, RIGHT
from benchmarks.simulator.movement import Change, Draw, Movement, Shake, Touch, Triple

__all__ = [
    "biting_nails",
    "bulging_face",
    "covering_face",
    "head_up",
    "playing_hair",
    "pressing_lips",
    "rubbing_eyes",
    "touching_ears",
    "touching_face",
    "touching_forehead",
    "touching_hat",
    "touching_head",
    "touching_jaw",
    "turtle_neck",
]

# A hand at the face comes from below and from the side, its palm towards the face.
_UP_TO_FACE: Triple = (-0.35, 0.85, -0.35)
_TO_FACE: Triple = (-0.25, -0.2, -0.9)
# The way of a hand to the upper head: before the chest, or the elbow would swing about the arm's line.
_BEFORE_THE_CHEST: Triple = (-0.02, 0.02, 0.16)
_BOTH = (LEFT, RIGHT)


def turtle_neck(d: Draw) -> Movement:
    return Movement(
        changes=(
            Change("shrug_left", 0.30),
            Change("shrug_right", 0.30),
            Change("neck", 0.30),
            Change("slouch", 0.08),
            Change("nod", d.between(-0.12, 0.05)),
        ),
        rise=0.45,
    )


def bulging_face(d: Draw) -> Movement:
    if d.chance(0.55):
        return Movement(changes=(Change("puff", d.between(0.6, 1.0)), Change("jaw", -0.05)), rise=0.35, fall=0.5)
    breath = (Change("shrug_left", 0.14), Change("shrug_right", 0.14), Change("slouch", -0.09), Change("jaw", 0.22))
    return Movement(changes=(*breath, Change("nod", -0.06)), rise=0.9, fall=0.9)


def touching_hat(d: Draw) -> Movement:
    where = d.pick("hat brim", "hat brim", "hat side")
    pull = d.chance(0.5)
    return Movement(
        (
            Touch(
                d.side,
                where,
                fingers=(-0.35, 0.75, -0.3) if where == "hat brim" else (-0.25, 0.9, 0.1),
                palm=(-0.5, -0.3, -0.8),
                elbow=(0.75, -0.5, 0.2),
                arc=_BEFORE_THE_CHEST,
                shape="pinch",
                contact="pinch",
                pattern="rub" if pull else "still",
                stroke=(0.014, 0.008, 0.0),
                hz=1.3,
            ),
        ),
        changes=(Change("nod", 0.10),),
    )


def touching_head(d: Draw) -> Movement:
    where = d.pick("top of the scalp", "side of the scalp", "back of the scalp")
    fingers: Triple = {"back of the scalp": (-0.35, 0.45, -0.8)}.get(where, (-0.55, 0.6, -0.55))
    scratch = d.chance(0.6)
    return Movement(
        (
            Touch(
                d.side,
                where,
                fingers=fingers,
                palm=(-0.6, -0.75, -0.2) if where == "top of the scalp" else (-0.9, -0.2, 0.2),
                elbow=(0.9, -0.25, 0.25),
                arc=_BEFORE_THE_CHEST,
                shape="hook" if scratch else "fingertips",
                pattern="rub" if scratch else "still",
                stroke=(0.006, 0.012, 0.010),
                hz=3.6,
            ),
        ),
        changes=(Change("tilt", 0.08 if d.side == RIGHT else -0.08), Change("nod", 0.08)),
        rise=0.65,
    )


def touching_forehead(d: Draw) -> Movement:
    rub = d.chance(0.6)
    return Movement(
        (
            Touch(
                d.side,
                "forehead",
                fingers=(-0.6, 0.65, -0.4),
                palm=_TO_FACE,
                elbow=(0.6, -0.75, 0.2),
                arc=_BEFORE_THE_CHEST,
                shape=d.pick("fingertips", "point", "relaxed"),
                pattern="rub" if rub else "still",
                stroke=(0.018, 0.003, 0.0),
                hz=2.2,
            ),
        ),
        changes=(Change("nod", 0.12),),
    )


def covering_face(d: Draw) -> Movement:
    sides = _BOTH if d.chance(0.6) else (d.side,)
    return Movement(
        tuple(
            Touch(
                side,
                "middle of the face",
                fingers=(-0.25, 0.95, -0.1),
                palm=(-0.1, -0.1, -1.0),
                elbow=(0.5, -0.85, 0.3),
                shape="open",
                contact="palm",
                pattern="rub" if d.chance(0.3) else "still",
                stroke=(0.0, 0.02, 0.0),
                hz=0.9,
            )
            for side in sides
        ),
        changes=(Change("nod", 0.28), Change("lean", 0.06), Change("blink", 1.0)),
    )


def rubbing_eyes(d: Draw) -> Movement:
    sides = _BOTH if d.chance(0.25) else (d.side,)
    shape = d.pick("point", "pinch", "fist")
    return Movement(
        tuple(
            Touch(
                side,
                "eye",
                fingers=_UP_TO_FACE,
                palm=_TO_FACE,
                elbow=(0.55, -0.8, 0.1),
                shape=shape,
                contact="pinch" if shape == "pinch" else "index",
                pattern="rub",
                stroke=(0.010, 0.004, 0.0),
                hz=3.0,
            )
            for side in sides
        ),
        changes=(Change("blink", 1.0), Change("nod", 0.10)),
    )


def touching_face(d: Draw) -> Movement:
    rub = d.chance(0.5)
    return Movement(
        (
            Touch(
                d.side,
                d.pick("cheek", "nose", "mouth"),
                fingers=_UP_TO_FACE,
                palm=_TO_FACE,
                shape=d.pick("fingertips", "point", "relaxed"),
                pattern="rub" if rub else "still",
                stroke=(0.008, 0.010, 0.0),
                hz=2.6,
            ),
        ),
    )


def touching_ears(d: Draw) -> Movement:
    rub = d.chance(0.6)
    return Movement(
        (
            Touch(
                d.side,
                d.pick("ear", "ear lobe"),
                fingers=(-0.3, 0.8, -0.45),
                palm=(-0.9, -0.1, 0.2),
                elbow=(0.8, -0.55, 0.15),
                arc=_BEFORE_THE_CHEST,
                shape="pinch",
                contact="pinch",
                pattern="rub" if rub else "still",
                stroke=(0.004, 0.010, 0.004),
                hz=2.4,
            ),
        ),
        changes=(Change("tilt", 0.10 if d.side == RIGHT else -0.10),),
    )


def biting_nails(d: Draw) -> Movement:
    return Movement(
        (
            Touch(
                d.side,
                "mouth",
                fingers=(-0.7, 0.5, -0.4),
                palm=(-0.2, -0.7, -0.6),
                shape=d.pick("point", "hook"),
                shift=(0.0, -0.004, -0.002),
                pattern="rub",
                stroke=(0.003, 0.003, 0.002),
                hz=2.8,
            ),
        ),
        changes=(Change("jaw", 0.16), Change("nod", 0.10)),
        shakes=(Shake("jaw", 0.09, 2.8),),
    )


def touching_jaw(d: Draw) -> Movement:
    stroke = d.chance(0.5)
    where = d.pick("chin", "line of the jaw")
    return Movement(
        (
            Touch(
                d.side,
                where,
                fingers=(-0.45, 0.75, -0.25),
                palm=(-0.3, 0.2, -0.9),
                shape="chin",
                contact="pinch" if where == "chin" else "index",
                pattern="rub" if stroke else "still",
                stroke=(0.006, 0.014, 0.006),
                hz=1.3,
            ),
        ),
        changes=(Change("nod", 0.06),),
    )


def playing_hair(d: Draw) -> Movement:
    comb = d.chance(0.5)
    return Movement(
        (
            Touch(
                d.side,
                d.pick("temple hair", "hair behind the ear", "back hair"),
                fingers=(-0.25, 0.65, -0.65),
                palm=(-0.85, -0.1, -0.1),
                elbow=(0.85, -0.4, 0.3),
                arc=_BEFORE_THE_CHEST,
                shape="fingertips" if comb else "pinch",
                contact="index" if comb else "pinch",
                pattern="strokes" if comb else "circle",
                stroke=(0.008, -0.025, -0.040) if comb else (0.010, 0.012, 0.008),
                hz=0.8 if comb else 1.6,
            ),
        ),
        changes=(Change("tilt", 0.05 if d.side == RIGHT else -0.05),),
    )


def head_up(d: Draw) -> Movement:
    return Movement(
        changes=(Change("nod", -d.between(0.18, 0.42)), Change("neck", -0.15), Change("brow", d.between(0, 0.6))),
        rise=0.5,
    )


def pressing_lips(d: Draw) -> Movement:
    again = (Shake("press", 0.25, d.between(0.8, 1.6)),) if d.chance(0.3) else ()
    return Movement(
        changes=(Change("press", d.between(0.3, 0.9)), Change("jaw", -0.05)), shakes=again, rise=0.25, fall=0.3
    )
