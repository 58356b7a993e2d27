"""Gestures at the neck, the chest and the trunk. Directions are (towards the hand's own side, up, to the front)."""

from __future__ import annotations

from benchmarks.simulator.body import LEFT, RIGHT
from benchmarks.simulator.movement import Change, Draw, Movement, Shake, Touch, Triple

__all__ = [
    "adjusting_collar",
    "dusting_clothes",
    "moving_torso",
    "scratching_back",
    "shaking_shoulders",
    "sitting_straight",
    "touching_neck",
    "touching_suprasternal_notch",
]

# The way of a hand to the upper head: before the chest, or the elbow would swing about the arm's line.
_BEFORE_THE_CHEST: Triple = (-0.02, 0.02, 0.16)
_BOTH = (LEFT, RIGHT)


def touching_neck(d: Draw) -> Movement:
    rub = d.chance(0.6)
    nape = d.chance(0.5)
    return Movement(
        (
            Touch(
                d.side,
                "nape" if nape else "side of the neck",
                fingers=(-0.6, -0.05, -0.8) if nape else (-0.6, 0.35, -0.75),
                palm=(-0.8, -0.2, 0.3) if nape else (-0.9, -0.3, -0.2),
                elbow=(0.75, -0.5, 0.45),
                arc=_BEFORE_THE_CHEST,
                shape="fingertips",
                contact="middle" if nape else "index",
                pattern="rub" if rub else "still",
                stroke=(0.006, 0.016, 0.012),
                hz=2.0,
            ),
        ),
        changes=(Change("tilt", 0.10 if d.side == RIGHT else -0.10), Change("nod", 0.06)),
    )


def adjusting_collar(d: Draw) -> Movement:
    where = d.pick("collar", "tie", "button")
    sides = _BOTH if d.chance(0.45) else (d.side,)
    return Movement(
        tuple(
            Touch(
                side,
                where,
                fingers=(-0.7, 0.55, -0.35),
                palm=(-0.3, -0.1, -0.9),
                elbow=(0.65, -0.75, 0.0),
                shape="pinch",
                contact="pinch",
                shift=(0.015, 0.0, 0.0),
                pattern="fidget",
                stroke=(0.008, 0.012, 0.008),
                hz=1.7,
            )
            for side in sides
        ),
        changes=(Change("nod", 0.10),),
    )


def touching_suprasternal_notch(d: Draw) -> Movement:
    flat = d.chance(0.5)
    return Movement(
        (
            Touch(
                d.side,
                "suprasternal notch",
                fingers=(-0.75, 0.55, -0.1),
                palm=(-0.1, -0.1, -1.0),
                elbow=(0.6, -0.8, 0.0),
                shape="flat" if flat else "fingertips",
                contact="palm" if flat else "index",
                pattern="rub" if d.chance(0.3) else "still",
                stroke=(0.008, 0.004, 0.0),
                hz=1.4,
            ),
        ),
    )


def scratching_back(d: Draw) -> Movement:
    shoulder = d.chance(0.5)
    if shoulder:
        touch = Touch(
            d.side,
            "back of the shoulder",
            fingers=(-0.35, -0.3, -0.9),
            palm=(-0.1, -0.9, 0.3),
            elbow=(0.7, 0.4, 0.6),
            shape="fingertips",
            contact="middle",
            pattern="rub",
            stroke=(0.008, 0.012, 0.012),
            hz=3.2,
            arc=(0.06, 0.10, 0.08),
        )
        return Movement((touch,), changes=(Change("nod", 0.10),), rise=0.8, fall=0.8)
    touch = Touch(
        d.side,
        "back of the waist",
        fingers=(-0.75, 0.35, -0.3),
        palm=(0.0, 0.0, 1.0),
        elbow=(0.85, -0.3, -0.5),
        shape="hook",
        pattern="rub",
        stroke=(0.010, 0.018, 0.0),
        hz=3.2,
        arc=(0.22, 0.0, 0.02),
    )
    lean = (Change("lean", 0.12), Change("twist", 0.10 if d.side == RIGHT else -0.10))
    return Movement((touch,), changes=lean, rise=0.8, fall=0.8)


def dusting_clothes(d: Draw) -> Movement:
    where = d.pick("chest", "belly", "other shoulder", "forearm")
    brush = Touch(
        d.side,
        where,
        fingers=(-0.8, 0.3, -0.2),
        palm=(-0.2, -0.2, -0.9),
        shape="relaxed",
        pattern="strokes",
        stroke=(0.015, 0.035, 0.012),
        hz=2.1,
    )
    if where != "forearm":
        return Movement((brush,), changes=(Change("nod", 0.28),), rise=0.45, fall=0.5)
    held = Touch(d.other, "before the belly", (-0.7, 0.1, 0.6), (0.0, -0.9, -0.3), contact="palm", shape="relaxed")
    return Movement((held, brush), changes=(Change("nod", 0.30),), rise=0.5, fall=0.5)


def moving_torso(d: Draw) -> Movement:
    kind = d.pick("sway", "turn", "shift")
    slow = d.between(0.35, 0.75)
    if kind == "sway":
        return Movement(shakes=(Shake("sway", 0.12, slow), Shake("shift_x", 0.012, slow)))
    if kind == "turn":
        return Movement(shakes=(Shake("twist", 0.25, slow), Shake("sway", 0.03, slow)))
    way = 1.0 if d.chance(0.5) else -1.0
    shifts = (Change("shift_x", 0.05 * way), Change("lean", d.between(-0.08, 0.14)), Change("sway", -0.08 * way))
    return Movement(changes=shifts, shakes=(Shake("shift_x", 0.015, slow, "fidget"),), rise=0.6, fall=0.7)


def sitting_straight(d: Draw) -> Movement:
    up = d.between(0.5, 1.0) * d.person.slack + 0.05
    return Movement(
        changes=(
            Change("slouch", -up, tail=4.0),
            Change("lean", -0.06, tail=4.0),
            Change("neck", -0.15, tail=4.0),
            Change("shrug_left", 0.05),
            Change("shrug_right", 0.05),
        ),
        rise=0.8,
        fall=3.5,
    )


def shaking_shoulders(d: Draw) -> Movement:
    names = ("shrug_left", "shrug_right") if d.chance(0.7) else (d.pick("shrug_left", "shrug_right"),)
    if d.chance(0.45):  # one quick shrug
        return Movement(changes=tuple(Change(name, 0.28) for name in names), rise=0.22, fall=0.3)
    hz = d.between(2.0, 3.2)
    base = tuple(Change(name, 0.10) for name in names)
    return Movement(changes=base, shakes=tuple(Shake(name, 0.15, hz) for name in names), rise=0.25, fall=0.3)
