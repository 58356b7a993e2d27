"""The 32 classes: 31 micro-gestures and the illustrative gestures that are none.

Names and order are those of iMiGUE (Liu et al., CVPR 2021, arXiv 2107.00285), whose files number the micro-gestures from
1 to 31 and the illustrative gestures 99. The definitions are our own words, written for annotators; so are the examples
(manifests/class_examples.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from manifests.class_examples import EXAMPLES, UNLIKE

__all__ = ["CLASSES", "GROUPS", "LABELS", "BodyPart", "GestureClass", "by_label"]

BodyPart = Literal["head and face", "neck and chest", "arms and hands", "torso", "no micro-gesture"]
GROUPS: tuple[BodyPart, ...] = ("head and face", "neck and chest", "arms and hands", "torso", "no micro-gesture")


@dataclass(frozen=True)
class GestureClass:
    """One class of the taxonomy.

    Attributes:
        index: 0 to 31, the number a model predicts.
        label: the word that tables hold; it never changes.
        name: what annotators read.
        body_part: the group it stands under in the labelling page.
        definition: what counts, and what does not.
        imigue_id: its number in iMiGUE's files.
    """

    index: int
    label: str
    name: str
    body_part: BodyPart
    definition: str

    @property
    def imigue_id(self) -> int:
        return 99 if self.label == "illustrative" else self.index + 1

    @property
    def examples(self) -> tuple[str, str]:
        """Two that count."""
        return EXAMPLES[self.label]

    @property
    def unlike(self) -> str:
        """What looks alike and isn't it, and what that is."""
        return UNLIKE[self.label]


_HEAD: BodyPart = "head and face"
_NECK: BodyPart = "neck and chest"
_ARMS: BodyPart = "arms and hands"
_TORSO: BodyPart = "torso"
_NONE: BodyPart = "no micro-gesture"

_ROWS: tuple[tuple[str, str, BodyPart, str], ...] = (
    ("turtle_neck", "Turtle neck", _HEAD, "The head sinks between raised shoulders, as if drawn into a shell."),
    ("bulging_face", "Bulging face, deep breath", _HEAD, "Cheeks fill with air, or one deep breath is let out visibly."),
    ("touching_hat", "Touching hat", _HEAD, "A hand touches, turns or pulls a cap, a hat or a headband."),
    ("touching_head", "Touching or scratching head", _HEAD, "A hand rests on or scratches the scalp, above the hairline."),
    ("touching_forehead", "Touching or scratching forehead", _HEAD, "A hand touches between the eyebrows and the hairline."),
    ("covering_face", "Covering face", _HEAD, "One or both hands hide most of the face."),
    ("rubbing_eyes", "Rubbing eyes", _HEAD, "Fingers rub or press an eye or its lid."),
    ("touching_face", "Touching or scratching facial parts", _HEAD, "A hand touches cheek, nose or mouth; not eye, ear or jaw."),
    ("touching_ears", "Touching ears", _HEAD, "A hand touches, pulls or scratches an ear."),
    ("biting_nails", "Biting nails", _HEAD, "A finger's tip is held between the teeth or the lips."),
    ("touching_jaw", "Touching jaw", _HEAD, "A hand touches or strokes the chin or the line of the jaw."),
    ("touching_neck", "Touching or scratching neck", _NECK, "A hand touches the side or the back of the neck."),
    ("playing_hair", "Playing with or adjusting hair", _HEAD, "Fingers comb, twist or put back hair; the scalp is not scratched."),
    ("adjusting_collar", "Buckling button, pulling collar, adjusting tie", _NECK, "A hand works on a button, a collar, a tie or a zip."),
    ("touching_suprasternal_notch", "Touching or covering the suprasternal notch", _NECK, "A hand covers the hollow at the throat's base."),
    ("scratching_back", "Scratching back", _TORSO, "A hand reaches behind the shoulder or the waist and scratches."),
    ("folding_arms", "Folding arms", _ARMS, "Both forearms are crossed before the chest."),
    ("dusting_clothes", "Dusting off clothes", _TORSO, "A hand brushes or picks something off the clothes."),
    ("arms_behind_body", "Putting arms behind body", _ARMS, "One or both hands go behind the back."),
    ("moving_torso", "Moving torso", _TORSO, "The trunk sways, turns or shifts in the seat without a purpose."),
    ("sitting_straight", "Sitting straightly", _TORSO, "The trunk straightens up from a slack posture."),
    ("touching_arms", "Scratching or touching arms", _ARMS, "A hand touches, rubs or scratches the other arm."),
    ("rubbing_hands", "Rubbing or holding hands", _ARMS, "The hands rub or clasp each other, fingers not interlaced."),
    ("crossing_fingers", "Crossing fingers", _ARMS, "The fingers of both hands are interlaced."),
    ("minaret_gesture", "Minaret gesture", _ARMS, "The tips of the fingers meet and the hands form a steeple."),
    ("manipulating_objects", "Playing with or manipulating objects", _ARMS, "Hands fiddle with a pen, a bottle, a microphone, a ring."),
    ("hold_back_arms", "Hold back arms", _ARMS, "One hand holds the other arm back, by the wrist, forearm or elbow."),
    ("head_up", "Head up", _HEAD, "The chin is lifted and held, the gaze upwards or over the others."),
    ("pressing_lips", "Pressing lips", _HEAD, "The lips are pressed together or drawn in, outside of speech."),
    ("arms_akimbo", "Arms akimbo", _ARMS, "One or both hands rest on the hip, the elbow outwards."),
    ("shaking_shoulders", "Shaking shoulders", _TORSO, "One or both shoulders are jerked or shrugged."),
    ("illustrative", "Illustrative gestures", _NONE, "Hands that accompany speech: beats, pointing, showing size. No micro-gesture."),
)  # fmt: skip

CLASSES: tuple[GestureClass, ...] = tuple(GestureClass(index, *row) for index, row in enumerate(_ROWS))
LABELS: tuple[str, ...] = tuple(c.label for c in CLASSES)

_BY_LABEL = {c.label: c for c in CLASSES}


def by_label(label: str) -> GestureClass:
    """The class with this label.

    Raises:
        KeyError: no class has it.
    """
    return _BY_LABEL[label]
