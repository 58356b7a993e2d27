"""Gestures of the arms and the hands, and the illustrative ones. Directions are (towards the hand's own side, up, to the front)."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.simulator.body import LEFT, RIGHT
from benchmarks.simulator.movement import Change, Draw, Movement, Shake, Touch, Triple

__all__ = [
    "arms_akimbo",
    "arms_behind_body",
    "crossing_fingers",
    "folding_arms",
    "hold_back_arms",
    "illustrative",
    "manipulating_objects",
    "minaret_gesture",
    "rubbing_hands",
    "touching_arms",
]

_BOTH = (LEFT, RIGHT)


def _two_hands(
    d: Draw, *, fingers: Triple, palm: Triple, shape: str, contact: str, gap: float, raised: bool = False
) -> tuple[Touch, Touch]:
    """Both hands meet before the body, or on the desk."""
    height = d.between(-0.03, 0.05)
    where = "before the belly" if d.chance(0.75) and not raised else "before the chest"

    def hand(side: int) -> Touch:
        return Touch(
            side,
            where,
            fingers=fingers,
            palm=palm,
            elbow=(0.7, -0.75, -0.1),
            shape=shape,
            contact=contact,
            shift=(gap, height, 0.0),
        )

    return hand(d.side), hand(d.other)


def folding_arms(d: Draw) -> Movement:
    def arm(side: int, upper: bool) -> Touch:
        return Touch(
            side,
            "across the chest",
            fingers=(-0.9, 0.15, -0.2),
            palm=(0.0, -0.3, -0.9),
            elbow=(0.75, -0.75, -0.05),
            shape="relaxed",
            contact="palm",
            shift=(0.0, 0.03 if upper else -0.03, 0.03 if upper else -0.015),
            arc=(0.03, 0.02, 0.10),
        )

    return Movement((arm(d.side, True), arm(d.other, False)), changes=(Change("lean", -0.05),), rise=0.8, fall=0.8)


def arms_behind_body(d: Draw) -> Movement:
    sides = _BOTH if d.chance(0.65) else (d.side,)
    return Movement(
        tuple(
            Touch(
                side,
                "small of the back",
                fingers=(-0.85, -0.1, -0.3),
                palm=(0.0, 0.0, -1.0),
                elbow=(0.8, -0.4, -0.5),
                shape="relaxed",
                contact="palm",
                arc=(0.24, 0.0, 0.02),
            )
            for side in sides
        ),
        changes=(Change("slouch", -0.08),),
        rise=0.9,
        fall=0.9,
    )


def touching_arms(d: Draw) -> Movement:
    rub = d.chance(0.6)
    held = Touch(d.other, "before the belly", (-0.7, 0.0, 0.7), (0.0, -0.9, 0.0), contact="wrist", shape="relaxed")
    return Movement(
        (
            held,
            Touch(
                d.side,
                d.pick("upper arm", "elbow", "forearm"),
                fingers=(-0.85, 0.1, -0.2),
                palm=(-0.3, -0.3, -0.85),
                shape="fingertips",
                pattern="rub" if rub else "still",
                stroke=(0.025, 0.008, 0.008),
                hz=1.9,
                arc=(0.02, 0.02, 0.08),
            ),
        ),
        rise=0.6,
    )


def rubbing_hands(d: Draw) -> Movement:
    first, second = _two_hands(
        d, fingers=(-0.35, 0.25, 0.85), palm=(-0.95, 0.0, -0.2), shape="flat", contact="palm", gap=0.008
    )
    if d.chance(0.35):  # held, one in the other
        return Movement((first, second))
    hz = d.between(1.4, 2.6)
    return Movement(
        (
            replace(first, pattern="rub", stroke=(0.004, 0.012, 0.028), hz=hz),
            replace(second, pattern="rub", stroke=(0.004, -0.010, -0.022), hz=hz),
        )
    )


def crossing_fingers(d: Draw) -> Movement:
    return Movement(
        _two_hands(
            d, fingers=(-0.75, 0.2, 0.55), palm=(-0.55, -0.1, -0.75), shape="interlaced", contact="palm", gap=0.022
        )
    )


def minaret_gesture(d: Draw) -> Movement:
    tap = d.chance(0.35)
    hands = _two_hands(
        d, fingers=(-0.40, 0.80, 0.30), palm=(-0.85, -0.45, 0.0), shape="flat", contact="index", gap=0.004, raised=True
    )
    if not tap:
        return Movement(hands)
    return Movement(tuple(replace(h, pattern="rub", stroke=(0.008, 0.0, 0.0), hz=1.8) for h in hands))


def manipulating_objects(d: Draw) -> Movement:
    one = Touch(
        d.side,
        d.pick("microphone", "before the belly", "before the belly"),
        fingers=(-0.5, -0.1, 0.8),
        palm=(-0.5, -0.75, 0.0),
        shape="pinch",
        contact="pinch",
        shift=(0.03, 0.02, 0.06),
        pattern="fidget",
        stroke=(0.014, 0.014, 0.012),
        hz=1.6,
    )
    if d.chance(0.35):
        return Movement((one,), changes=(Change("nod", 0.20),))
    return Movement((one, replace(one, side=d.other, hz=1.3)), changes=(Change("nod", 0.24),))


def hold_back_arms(d: Draw) -> Movement:
    held = Touch(
        d.other,
        "before the belly",
        (-0.6, -0.35, 0.6),
        (0.0, -0.9, -0.3),
        contact="wrist",
        shape="relaxed",
        shift=(0.03, -0.03, 0),
    )
    holding = Touch(
        d.side,
        d.pick("wrist", "forearm", "elbow"),
        fingers=(-0.8, -0.2, 0.1),
        palm=(-0.3, -0.6, -0.7),
        elbow=(0.6, -0.8, -0.2),
        shape="hook",
        contact="palm",
        arc=(0.02, 0.02, 0.08),
    )
    return Movement((held, holding), changes=(Change("lean", -0.03),))


def arms_akimbo(d: Draw) -> Movement:
    sides = _BOTH if d.chance(0.5) else (d.side,)
    return Movement(
        tuple(
            Touch(
                side,
                "hip",
                fingers=(-0.35, -0.45, 0.75),
                palm=(-0.9, -0.3, -0.2),
                elbow=(1.0, -0.1, -0.35),
                shape="relaxed",
                contact="palm",
                arc=(0.14, 0.02, 0.05),
            )
            for side in sides
        ),
        changes=(Change("slouch", -0.06),),
        rise=0.7,
        fall=0.7,
    )


def illustrative(d: Draw) -> Movement:
    sides = _BOTH if d.chance(0.55) else (d.side,)
    point = d.chance(0.2)
    fingers: Triple = (-0.1, 0.45, 0.85) if point else (-0.15, 0.35, 0.85)
    size = 0.09 if d.chance(0.15) else 0.0  # hands apart, as one shows a size
    hz = d.between(0.7, 1.4)
    return Movement(
        tuple(
            Touch(
                side,
                "beside the chest",
                fingers=fingers,
                palm=(-0.8, 0.1, 0.2) if size else (-0.5, 0.5 if d.chance(0.4) else -0.6, 0.2),
                elbow=(0.5, -0.85, -0.2),
                shape="point" if point else d.pick("open", "relaxed"),
                contact="palm",
                shift=(size + d.between(-0.05, 0.05), d.between(-0.08, 0.06), d.between(-0.05, 0.05)),
                pattern="beats",
                stroke=(0.04 * d.person.animation, 0.055 * d.person.animation, 0.03),
                hz=hz,
            )
            for side in sides
        ),
        shakes=(Shake("nod", 0.05, hz, "fidget"),),
        rise=0.45,
        fall=0.5,
    )
