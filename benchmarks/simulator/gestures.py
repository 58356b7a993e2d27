"""The 32 classes of the taxonomy as movements, each with the variants that its definition in `manifests/taxonomy.py` names."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.simulator import gestures_of_hands as hands
from benchmarks.simulator import gestures_of_head as head
from benchmarks.simulator import gestures_of_trunk as trunk
from benchmarks.simulator.movement import Draw, Movement

__all__ = ["MOVEMENTS", "draw_movement"]

MOVEMENTS: dict[str, Callable[[Draw], Movement]] = {
    "turtle_neck": head.turtle_neck,
    "bulging_face": head.bulging_face,
    "touching_hat": head.touching_hat,
    "touching_head": head.touching_head,
    "touching_forehead": head.touching_forehead,
    "covering_face": head.covering_face,
    "rubbing_eyes": head.rubbing_eyes,
    "touching_face": head.touching_face,
    "touching_ears": head.touching_ears,
    "biting_nails": head.biting_nails,
    "touching_jaw": head.touching_jaw,
    "playing_hair": head.playing_hair,
    "head_up": head.head_up,
    "pressing_lips": head.pressing_lips,
    "touching_neck": trunk.touching_neck,
    "adjusting_collar": trunk.adjusting_collar,
    "touching_suprasternal_notch": trunk.touching_suprasternal_notch,
    "scratching_back": trunk.scratching_back,
    "dusting_clothes": trunk.dusting_clothes,
    "moving_torso": trunk.moving_torso,
    "sitting_straight": trunk.sitting_straight,
    "shaking_shoulders": trunk.shaking_shoulders,
    "folding_arms": hands.folding_arms,
    "arms_behind_body": hands.arms_behind_body,
    "touching_arms": hands.touching_arms,
    "rubbing_hands": hands.rubbing_hands,
    "crossing_fingers": hands.crossing_fingers,
    "minaret_gesture": hands.minaret_gesture,
    "manipulating_objects": hands.manipulating_objects,
    "hold_back_arms": hands.hold_back_arms,
    "arms_akimbo": hands.arms_akimbo,
    "illustrative": hands.illustrative,
}


def draw_movement(label: str, draw: Draw) -> Movement:
    """One performance of a class by one person.

    Raises:
        KeyError: the taxonomy has no such label.
    """
    return draw.vary(MOVEMENTS[label](draw))
