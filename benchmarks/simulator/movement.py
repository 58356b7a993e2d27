"""The vocabulary in which gestures are written: a hand that touches, a joint that changes and holds, a joint that oscillates."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from benchmarks.simulator.body import LEFT, RIGHT, Floats
from benchmarks.simulator.people import Person

__all__ = ["CHANNELS", "LANDMARKS", "Change", "Draw", "Movement", "Shake", "Touch", "Triple", "envelope", "oscillate"]

Triple = tuple[float, float, float]
Frame = Literal["pelvis", "chest", "head", "other arm"]
Pattern = Literal["still", "rub", "strokes", "fidget", "circle", "beats"]

CHANNELS: tuple[str, ...] = (
    *("lean", "slouch", "sway", "twist", "shift_x", "shift_z", "shrug_left", "shrug_right"),
    *("neck", "nod", "turn", "tilt", "jaw", "press", "puff", "blink", "brow", "smile"),
)

# Where hands go: frame, then metres towards the touching hand's own side, up, and to the front. The frames' origins are the
# middles of the hips, the shoulders and the ears. On the other arm it is the place along it (-1 shoulder, 0 elbow, 1 wrist).
LANDMARKS: dict[str, tuple[Frame, Triple]] = {
    "hat brim": ("head", (0.030, 0.085, 0.130)),
    "hat side": ("head", (0.078, 0.085, 0.045)),
    "top of the scalp": ("head", (0.030, 0.142, 0.010)),
    "side of the scalp": ("head", (0.072, 0.100, 0.000)),
    "back of the scalp": ("head", (0.040, 0.070, -0.095)),
    "forehead": ("head", (0.018, 0.066, 0.095)),
    "eye": ("head", (0.032, 0.025, 0.087)),
    "nose": ("head", (0.004, -0.010, 0.116)),
    "mouth": ("head", (0.010, -0.048, 0.102)),
    "cheek": ("head", (0.050, -0.022, 0.076)),
    "middle of the face": ("head", (0.020, 0.000, 0.112)),
    "ear": ("head", (0.078, 0.004, -0.004)),
    "ear lobe": ("head", (0.074, -0.028, 0.002)),
    "chin": ("head", (0.004, -0.097, 0.088)),
    "line of the jaw": ("head", (0.052, -0.074, 0.052)),
    "temple hair": ("head", (0.080, 0.055, 0.030)),
    "hair behind the ear": ("head", (0.080, 0.010, -0.045)),
    "back hair": ("head", (0.055, -0.015, -0.090)),
    "side of the neck": ("chest", (0.058, 0.065, 0.020)),
    "nape": ("chest", (0.025, 0.075, -0.045)),
    "collar": ("chest", (0.040, 0.020, 0.065)),
    "tie": ("chest", (0.000, -0.060, 0.095)),
    "button": ("chest", (0.000, -0.020, 0.080)),
    "suprasternal notch": ("chest", (0.000, -0.005, 0.066)),
    "back of the shoulder": ("chest", (0.060, 0.010, -0.085)),
    "back of the waist": ("chest", (0.060, -0.330, -0.120)),
    "chest": ("chest", (0.080, -0.130, 0.110)),
    "belly": ("chest", (0.050, -0.260, 0.120)),
    "other shoulder": ("chest", (-0.150, -0.020, 0.060)),
    "small of the back": ("chest", (0.050, -0.360, -0.125)),
    "hip": ("pelvis", (0.165, 0.150, 0.010)),
    "microphone": ("pelvis", (0.060, 0.300, 0.480)),
    "before the belly": ("chest", (0.000, -0.300, 0.260)),
    "before the chest": ("chest", (0.000, -0.190, 0.240)),
    "across the chest": ("chest", (-0.130, -0.240, 0.150)),
    "beside the chest": ("chest", (0.140, -0.190, 0.330)),
    "upper arm": ("other arm", (-0.45, 0.0, 0.045)),
    "elbow": ("other arm", (0.05, 0.0, 0.040)),
    "forearm": ("other arm", (0.55, 0.0, 0.040)),
    "wrist": ("other arm", (0.97, 0.0, 0.030)),
}


# What a hand can as well touch on the far side of the head or the neck.
_CROSSABLE = {"forehead", "eye", "cheek", "ear", "line of the jaw", "side of the neck", "collar", "side of the scalp"}


@dataclass(frozen=True)
class Touch:
    """One hand goes somewhere, does something there, and comes back.

    Directions are (towards the hand's own side, up, front); those of the hand turn with the frame, on the other arm with the
    chest.

    Attributes:
        side: LEFT or RIGHT hand.
        landmark: a key of LANDMARKS.
        fingers: where the stretched fingers point.
        palm: where the palm faces.
        elbow: where the elbow points, seen from the chest.
        shape: a key of hands.SHAPES.
        contact: which point of the hand comes to lie on the landmark (hands.contact_point).
        shift: metres by which the touched point is off the landmark.
        pattern: what the hand does there.
        stroke: metres of movement in each direction, from middle to end.
        hz: oscillations a second.
        arc: metres by which the path there and back bulges out.
        crossed: the landmark is that of the other side: the left hand at the right cheek.
    """

    side: int
    landmark: str
    fingers: Triple
    palm: Triple
    elbow: Triple = (0.45, -0.85, -0.1)
    shape: str = "fingertips"
    contact: str = "index"
    shift: Triple = (0.0, 0.0, 0.0)
    pattern: Pattern = "still"
    stroke: Triple = (0.0, 0.0, 0.0)
    hz: float = 0.0
    arc: Triple = (0.02, 0.0, 0.06)
    crossed: bool = False


@dataclass(frozen=True)
class Change:
    """A channel goes by `amount`, holds, and comes back, `tail` seconds after the gesture's end."""

    channel: str
    amount: float
    tail: float = 0.0


@dataclass(frozen=True)
class Shake:
    """A channel oscillates with this amplitude and frequency while the gesture lasts."""

    channel: str
    amount: float
    hz: float
    pattern: Pattern = "rub"


@dataclass(frozen=True)
class Movement:
    """One performance of a gesture.

    Attributes:
        touches: at most one a hand; a hand on the other arm is moved after that arm.
        changes, shakes: of the trunk, the head and the face.
        rise, fall: seconds of the way there and back.
    """

    touches: tuple[Touch, ...] = ()
    changes: tuple[Change, ...] = ()
    shakes: tuple[Shake, ...] = ()
    rise: float = 0.55
    fall: float = 0.6


@dataclass
class Draw:
    """Chance and habit, from which one performance of a gesture is drawn."""

    rng: np.random.Generator
    person: Person
    side: int = field(init=False)

    def __post_init__(self) -> None:
        preferred = RIGHT if self.person.right_handed else LEFT
        self.side = preferred if self.chance(self.person.preference) else 1 - preferred

    @property
    def other(self) -> int:
        return 1 - self.side

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def pick(self, *options: str) -> str:
        return options[int(self.rng.integers(len(options)))]

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * float(self.rng.random())

    def vary(self, movement: Movement) -> Movement:
        """The same movement as this person does it this time."""
        person, rng = self.person, self.rng
        size = person.vigour * float(np.exp(0.2 * rng.standard_normal()))
        speed = person.pace * float(np.exp(0.15 * rng.standard_normal()))
        crossed = len(movement.touches) == 1 and self.chance(0.15)
        meet = len({touch.landmark for touch in movement.touches}) < len(movement.touches)
        together = 0.008 * rng.standard_normal(3) * (0, 1, 1)
        touches = []
        for touch in movement.touches:
            # Beyond that a wrist would come to lie behind the head.
            wobble = np.clip(0.28 * rng.standard_normal(3) + person.approach, -0.45, 0.45)
            place = together if meet else 0.008 * rng.standard_normal(3)  # hands that meet miss each other by nothing
            elbow = touch.elbow
            touches.append(
                replace(
                    touch,
                    fingers=_moved(touch.fingers, wobble),
                    palm=_moved(touch.palm, 0.15 * rng.standard_normal(3)),
                    elbow=(elbow[0] + person.elbows + 0.25 * float(rng.standard_normal()), elbow[1], elbow[2]),
                    shift=_moved(touch.shift, place),
                    stroke=(touch.stroke[0] * size, touch.stroke[1] * size, touch.stroke[2] * size),
                    hz=touch.hz * speed,
                    crossed=crossed and touch.landmark in _CROSSABLE,
                )
            )
        return Movement(
            tuple(touches),
            tuple(replace(change, amount=change.amount * min(size, 1.6)) for change in movement.changes),
            tuple(replace(shake, amount=shake.amount * size, hz=shake.hz * speed) for shake in movement.shakes),
            rise=movement.rise / speed,
            fall=movement.fall / speed,
        )


def _moved(a: Triple, by: npt.NDArray[Any]) -> Triple:
    return (a[0] + float(by[0]), a[1] + float(by[1]), a[2] + float(by[2]))


def envelope(n: int, rise: float, fall: float) -> Floats:
    """(n,) from 0 to 1 in `rise` frames, held, and back in `fall`, each a minimum-jerk path (Flash and Hogan, J. Neurosci. 1985).

    Where the three don't fit into n frames, rise and fall shrink to leave a fifth of the time for the hold.
    """
    squeeze = min(1.0, 0.8 * n / max(rise + fall, 1e-6))
    t = np.arange(n, dtype=np.float32) + np.float32(0.5)
    s = np.minimum(np.minimum(t / np.float32(rise * squeeze), (n - t) / np.float32(fall * squeeze)), 1)
    return np.asarray(np.minimum(s * s * s * (10 + s * (6 * s - 15)), 1), np.float32)  # rounding goes past 1


def oscillate(pattern: Pattern, t: Floats, hz: float, rng: np.random.Generator) -> Floats:
    """(3, n) what a pattern does over seconds t along the three directions of its stroke, each within about -1 to 1."""
    phase = 2 * np.pi * float(rng.random())
    # No one keeps time like a clock: the phase drifts by up to a tenth of the frequency.
    turn = np.asarray(2 * np.pi * hz * t + 0.6 * np.sin(2 * np.pi * (0.1 * hz + 0.15) * t + phase) + phase, np.float32)
    match pattern:
        case "still":
            return np.zeros((3, len(t)), np.float32)
        case "rub":
            wave = np.sin(turn)
            return np.stack([wave, wave, wave])
        case "strokes":  # quick one way, slow back
            wave = np.sin(turn + 0.6 * np.sin(turn))
            lift = np.cos(turn)
            return np.stack([wave, wave, lift])
        case "circle":
            return np.stack([np.cos(turn), np.sin(turn), np.sin(turn)])
        case "fidget" | "beats":
            a, b, c = 2 * np.pi * rng.random(3, dtype=np.float32)
            first, second = np.sin(turn), np.float32(0.5) * np.sin(np.float32(1.63) * turn + a)
            third = np.float32(0.5) * np.sin(np.float32(0.61) * turn + b)
            return np.stack([first + third, second + np.cos(turn + c), third + second]) * np.float32(0.7)
