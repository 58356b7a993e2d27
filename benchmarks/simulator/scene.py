"""From a timeline to a moving body: background movement, gestures on top, then kinematics. Metres, no camera yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.simulator.body import LEFT, RIGHT, Floats, Trunk, bend_arm, orthonormal, pose_trunk, sign_of
from benchmarks.simulator.face import EARS, EYES, NOSE, face_points
from benchmarks.simulator.gestures import draw_movement
from benchmarks.simulator.hands import SHAPES, contact_point, hand_points
from benchmarks.simulator.movement import CHANNELS, LANDMARKS, Draw, Movement, Touch, Triple, envelope, oscillate
from benchmarks.simulator.people import Person
from benchmarks.simulator.timeline import Segment, Timeline

__all__ = ["DESK_HEIGHT", "Arms", "Scene", "act", "body_points", "face_points_of", "hand_points_of", "wander"]

DESK_HEIGHT = 0.20  # metres above the hip joints of a seated person of 1.75 m

_CHANNEL = {name: row for row, name in enumerate(CHANNELS)}
_SIDES = (LEFT, RIGHT)

# Where a hand rests: wrist (outwards, up, front) in metres from the hips, where the fingers point.
_RESTS: dict[str, tuple[Triple, Triple]] = {
    "apart": ((0.20, 0.24, 0.34), (-0.50, -0.05, 0.85)),
    "together": ((0.09, 0.24, 0.34), (-0.85, -0.05, 0.45)),
    "forward": ((0.16, 0.25, 0.44), (-0.30, -0.05, 0.95)),
    "lap": ((0.08, 0.08, 0.22), (-0.60, -0.10, 0.75)),
}
_REST_PAIRS = (
    ("apart", "apart"),
    ("together", "together"),
    ("apart", "lap"),
    ("lap", "apart"),
    ("lap", "lap"),
    ("forward", "apart"),
)
_REST_SECONDS = 45.0
_REST_PALM: Triple = (-0.35, -0.9, 0.0)
_REST_ELBOW: Triple = (0.55, -0.8, -0.3)


@dataclass
class Arms:
    """Both arms, (2, …): what is wanted of the hands, and where the arms then are.

    Attributes:
        target: (2, 3, frames) where the wrist is wanted.
        fingers, palm: (2, 3, frames) directions of the hand, not yet at right angles.
        hint: (2, 3, frames) direction of the elbow.
        shape: (2, 4, frames) of the fingers, as hands.hand_points takes them.
        elbow, wrist: (2, 3, frames).
    """

    target: Floats
    fingers: Floats
    palm: Floats
    hint: Floats
    shape: Floats
    elbow: Floats
    wrist: Floats


@dataclass(frozen=True)
class Scene:
    """A person in motion.

    Attributes:
        channel: each of movement.CHANNELS, (frames,).
        movements: what was performed, one for each segment of the timeline.
    """

    person: Person
    channel: dict[str, Floats]
    trunk: Trunk
    arms: Arms
    movements: tuple[Movement, ...]

    @property
    def n_frames(self) -> int:
        return int(self.trunk.top.shape[1])


def act(person: Person, timeline: Timeline, fps: float, rng: np.random.Generator) -> Scene:
    """Perform a timeline.

    Args:
        rng: the video's generator of movement.
    """
    n = len(timeline.talking)
    channels = _background(person, timeline.talking, fps, rng)
    arms = _resting_arms(person, timeline.talking, fps, rng)
    movements = tuple(draw_movement(s.label, Draw(rng, person)) for s in timeline.segments)
    for segment, movement in zip(timeline.segments, movements, strict=True):
        _move_trunk(channels, segment, movement, fps, rng)
    channel = {name: channels[row] for name, row in _CHANNEL.items()}
    trunk = pose_trunk(person.body, channel)
    everything = slice(0, n)
    late: list[tuple[Segment, Movement, Touch]] = []
    for segment, movement in zip(timeline.segments, movements, strict=True):
        for touch in movement.touches:
            if LANDMARKS[touch.landmark][0] == "other arm":
                late.append((segment, movement, touch))
            else:
                _touch(
                    person=person,
                    trunk=trunk,
                    arms=arms,
                    segment=segment,
                    movement=movement,
                    touch=touch,
                    fps=fps,
                    rng=rng,
                )
    for side in _SIDES:
        _solve(person, trunk, arms, side, everything)
    for segment, movement, touch in late:
        _touch(person=person, trunk=trunk, arms=arms, segment=segment, movement=movement, touch=touch, fps=fps, rng=rng)
        _solve(person, trunk, arms, touch.side, slice(segment.start, segment.end))
    for side in _SIDES:
        arms.fingers[side], arms.palm[side] = orthonormal(arms.fingers[side], arms.palm[side])
    return Scene(person, channel, trunk, arms, movements)


# --- what goes on all the time -------------------------------------------------------------------------------------------


def wander(rng: np.random.Generator, n: int, every: float, sd: float) -> Floats:
    """(n,) smooth noise: normal numbers `every` so many frames, and cosine ramps between them."""
    every_frames = max(1, round(every))
    knots = (sd * rng.standard_normal(n // every_frames + 2, dtype=np.float32)).astype(np.float32)
    weight = np.float32(0.5) - np.float32(0.5) * np.cos(
        np.pi * np.arange(every_frames, dtype=np.float32) / every_frames
    )
    return np.asarray((knots[:-1, None] + (knots[1:] - knots[:-1])[:, None] * weight).reshape(-1)[:n], dtype=np.float32)


def _background(person: Person, talking: Floats, fps: float, rng: np.random.Generator) -> Floats:
    """(channels, frames): posture and its drift, breathing, the head's and the mouth's movement in talk, blinks."""
    n = len(talking)
    channels = np.zeros((len(CHANNELS), n), np.float32)

    def add(name: str, base: float, *parts: Floats) -> None:
        channels[_CHANNEL[name]] += np.float32(base)
        for part in parts:
            channels[_CHANNEL[name]] += part

    breath = np.sin(2 * np.pi * (0.25 * np.arange(n, dtype=np.float32) / np.float32(fps) + np.float32(rng.random())))
    add("lean", rng.normal(0.05, 0.06), wander(rng, n, 9 * fps, 0.05))
    add("slouch", person.slack, wander(rng, n, 12 * fps, 0.035))
    add("sway", rng.normal(0, 0.03), wander(rng, n, 6 * fps, 0.04))
    add("twist", rng.normal(0, 0.12), wander(rng, n, 5 * fps, 0.08))
    add("shift_x", 0, wander(rng, n, 15 * fps, 0.02))
    add("shift_z", 0, wander(rng, n, 15 * fps, 0.02))
    for name in ("shrug_left", "shrug_right"):
        add(name, 0.02, wander(rng, n, 5 * fps, 0.03), np.float32(0.010) * breath)
    add("neck", 0.30, wander(rng, n, 5 * fps, 0.03))
    add("nod", rng.normal(0.04, 0.05), wander(rng, n, 2.5 * fps, 0.11), talking * wander(rng, n, 0.35 * fps, 0.045))
    add("turn", rng.normal(0, 0.10), wander(rng, n, 3 * fps, 0.26), talking * wander(rng, n, 0.8 * fps, 0.05))
    add("tilt", 0, wander(rng, n, 2.5 * fps, 0.07))
    add("jaw", 0, talking * np.abs(wander(rng, n, 0.11 * fps, 0.35)))
    add("press", 0, np.maximum(wander(rng, n, 0.8 * fps, 0.28), 0))
    add("smile", rng.normal(0.1, 0.2), wander(rng, n, 2.0 * fps, 0.35))
    add("brow", 0, wander(rng, n, 1.2 * fps, 0.25))
    blinks = rng.integers(0, n, max(1, round(n / fps / 4)))
    for offset, shut in ((0, 0.5), (1, 1.0), (2, 1.0), (3, 0.5)):
        channels[_CHANNEL["blink"], np.minimum(blinks + offset, n - 1)] = shut
    return channels


def _resting_arms(person: Person, talking: Floats, fps: float, rng: np.random.Generator) -> Arms:
    """Hands on the desk or in the lap, moved elsewhere now and then, with the small beats of talk. None of it is a gesture."""
    n = len(talking)
    changes = max(1, int(rng.poisson(n / fps / _REST_SECONDS)) + 1)
    starts = np.sort(np.concatenate([[0], rng.integers(0, n, changes - 1)]))
    pairs = rng.choice(len(_REST_PAIRS), changes, p=(0.36, 0.30, 0.10, 0.08, 0.06, 0.10))
    which: npt.NDArray[np.int64] = np.searchsorted(starts, np.arange(n), side="right") - 1
    glide = max(3, round(1.1 * fps))
    target = np.empty((2, 3, n), np.float32)
    fingers = np.empty((2, 3, n), np.float32)
    for side in _SIDES:
        places = np.array([_RESTS[_REST_PAIRS[pair][side]][0] for pair in pairs]) + rng.normal(
            0, 0.03, (changes, 3)
        ) * (1, 0.2, 1)
        ways = np.array([_RESTS[_REST_PAIRS[pair][side]][1] for pair in pairs]) + rng.normal(0, 0.12, (changes, 3)) * (
            1,
            0.3,
            1,
        )
        numbers = np.concatenate([places * person.body.scale, ways], axis=1).astype(np.float32)
        numbers[:, [0, 3]] *= sign_of(side)
        steps = _glide(numbers.T, which, glide)
        target[side], fingers[side] = steps[:3], steps[3:]
        beat = np.float32(0.4) + np.float32(1.4) * talking
        for axis, size in enumerate((0.012, 0.016, 0.012)):
            target[side, axis] += beat * wander(rng, n, 0.45 * fps, size * person.animation)
            fingers[side, axis] += beat * wander(rng, n, 0.6 * fps, 0.06)
    ones = np.ones(n, np.float32)
    mirrored = np.array([[sign_of(side), 1, 1] for side in _SIDES], np.float32)
    palm = (mirrored * np.array(_REST_PALM, np.float32))[:, :, None] * ones
    out = np.array((_REST_ELBOW[0] + person.elbows, *_REST_ELBOW[1:]), np.float32)
    hint = (mirrored * out)[:, :, None] * ones
    shape = np.empty((2, 4, n), np.float32)
    for side in _SIDES:
        for row, number in enumerate(SHAPES["relaxed"].numbers()):
            shape[side, row] = np.clip(number + wander(rng, n, 1.5 * fps, 0.07), 0, 1)
    nothing = np.zeros_like(target)
    return Arms(target, fingers, palm, hint, shape, nothing, nothing.copy())


def _glide(steps: Floats, which: npt.NDArray[np.int64], frames: int) -> Floats:
    """(rows, n) from (rows, steps): step `which` in each frame, every change spread over `frames` frames."""
    path = steps[:, which]
    for at in np.flatnonzero(np.diff(which)) + 1:
        end = min(at + frames, path.shape[1])
        weight = envelope(2 * frames, frames, frames)[: end - at]
        before = steps[:, which[at - 1]][:, None]
        path[:, at:end] = before + (path[:, at:end] - before) * weight
    return np.asarray(path, dtype=np.float32)


# --- gestures ------------------------------------------------------------------------------------------------------------


def _move_trunk(channels: Floats, segment: Segment, movement: Movement, fps: float, rng: np.random.Generator) -> None:
    n = channels.shape[1]
    start, length = segment.start, segment.end - segment.start
    for change in movement.changes:
        whole = length + round(change.tail * fps)
        shape = envelope(
            whole,
            movement.rise * fps,
            (movement.fall + change.tail * 0.5) * fps if change.tail else movement.fall * fps,
        )
        end = min(start + whole, n)
        channels[_CHANNEL[change.channel], start:end] += np.float32(change.amount) * shape[: end - start]
    if movement.shakes:
        t = np.arange(length, dtype=np.float32) / np.float32(fps)
        hold = envelope(length, movement.rise * fps, movement.fall * fps)
        for shake in movement.shakes:
            wave = oscillate(shake.pattern, t, shake.hz, rng)[0]
            channels[_CHANNEL[shake.channel], start : segment.end] += np.float32(shake.amount) * hold * wave


def _touch(
    *,
    person: Person,
    trunk: Trunk,
    arms: Arms,
    segment: Segment,
    movement: Movement,
    touch: Touch,
    fps: float,
    rng: np.random.Generator,
) -> None:
    """Blend what an arm is wanted to do in a segment from rest into the touch, and back."""
    part = slice(segment.start, segment.end)
    length = segment.end - segment.start
    side, sign = touch.side, sign_of(touch.side)
    body = person.body
    hold = envelope(length, movement.rise * fps, movement.fall * fps)
    t = np.arange(length, dtype=np.float32) / np.float32(fps)
    wave = oscillate(touch.pattern, t, touch.hz, rng) * hold
    frame, landmark = LANDMARKS[touch.landmark]
    if touch.crossed:
        landmark = (-landmark[0], landmark[1], landmark[2])
    offset = [np.float32(touch.shift[axis]) + np.float32(touch.stroke[axis]) * wave[axis] for axis in range(3)]
    chest = trunk.chest_axes[:, :, part]
    if frame == "other arm":
        origin, axes, at = _along_arm(trunk, arms, 1 - side, part, landmark), chest, (0.0, 0.0, 0.0)
    elif frame == "head":
        origin, axes, at = trunk.head[:, part], trunk.head_axes[:, :, part], _times(landmark, body.head)
    elif frame == "chest":
        origin, axes, at = trunk.top[:, part], chest, _times(landmark, body.scale)
    else:
        upright = np.repeat(np.eye(3, dtype=np.float32)[:, :, None], length, axis=2)
        origin, axes, at = trunk.pelvis[:, part], upright, _times(landmark, body.scale)
    place = (
        origin + (sign * (at[0] + offset[0])) * axes[0] + (at[1] + offset[1]) * axes[1] + (at[2] + offset[2]) * axes[2]
    )
    forward, palm = orthonormal(_direction(touch.fingers, sign, axes), _direction(touch.palm, sign, axes))
    thumb = _thumb(side, forward, palm)
    along, out, across = contact_point(touch.contact, SHAPES[touch.shape])
    wrist = place - np.float32(body.hand) * (along * forward + out * palm + across * thumb)
    bulge = 4 * hold * (1 - hold)
    arc = _direction(touch.arc, sign, chest)
    arms.target[side, :, part] += hold * (wrist - arms.target[side, :, part]) + bulge * arc
    arms.fingers[side, :, part] += hold * (forward - arms.fingers[side, :, part])
    arms.palm[side, :, part] += hold * (palm - arms.palm[side, :, part])
    arms.hint[side, :, part] += hold * (_direction(touch.elbow, sign, chest) - arms.hint[side, :, part])
    shape = np.array(SHAPES[touch.shape].numbers(), np.float32)[:, None]
    arms.shape[side, :, part] += hold * (shape - arms.shape[side, :, part])


def _solve(person: Person, trunk: Trunk, arms: Arms, side: int, part: slice) -> None:
    arms.elbow[side, :, part], arms.wrist[side, :, part] = bend_arm(
        person.body, trunk.shoulders[side, :, part], arms.target[side, :, part], arms.hint[side, :, part]
    )


def _along_arm(trunk: Trunk, arms: Arms, side: int, part: slice, landmark: Triple) -> Floats:
    """The place at -1 (shoulder) to 0 (elbow) to 1 (wrist) along an arm, that far to its front."""
    elbow = arms.elbow[side, :, part]
    end = arms.wrist[side, :, part] if landmark[0] >= 0 else trunk.shoulders[side, :, part]
    front = trunk.chest_axes[2, :, part]
    return np.asarray(
        elbow + np.float32(abs(landmark[0])) * (end - elbow) + np.float32(landmark[2]) * front, np.float32
    )


def _direction(way: Triple, sign: float, axes: Floats) -> Floats:
    return np.asarray(
        np.float32(sign * way[0]) * axes[0] + np.float32(way[1]) * axes[1] + np.float32(way[2]) * axes[2], np.float32
    )


def _times(a: Triple, factor: float) -> Triple:
    return (a[0] * factor, a[1] * factor, a[2] * factor)


def _thumb(side: int, fingers: Floats, palm: Floats) -> Floats:
    """Where the thumb is: to the left of a right hand whose palm faces down."""
    cross = np.stack(
        [
            fingers[1] * palm[2] - fingers[2] * palm[1],
            fingers[2] * palm[0] - fingers[0] * palm[2],
            fingers[0] * palm[1] - fingers[1] * palm[0],
        ]
    )
    return cross if side == RIGHT else -cross


# --- points --------------------------------------------------------------------------------------------------------------


def body_points(scene: Scene, frames: slice) -> Floats:
    """(23, 3, frames) the 17 points of COCO's body, then big toe, small toe and heel of the left and the right foot."""
    body, trunk, arms = scene.person.body, scene.trunk, scene.arms
    head, axes = trunk.head[:, frames], trunk.head_axes[:, :, frames]
    points = np.empty((23, 3, head.shape[1]), np.float32)
    for row, place in enumerate((NOSE, *EYES, *EARS)):
        points[row] = head + np.float32(body.head) * _direction(place, 1.0, axes)
    pelvis = trunk.pelvis[:, frames]
    thigh, shin = np.float32(0.235 * 1.74 * body.scale), np.float32(0.24 * 1.74 * body.scale)
    for side in _SIDES:
        points[5 + side] = trunk.shoulders[side][:, frames]
        points[7 + side] = arms.elbow[side][:, frames]
        points[9 + side] = arms.wrist[side][:, frames]
        out = np.array([[sign_of(side)], [0], [0]], np.float32)
        points[11 + side] = pelvis + np.float32(body.hip) * out
        points[13 + side] = points[11 + side] + thigh * np.array([[0.2 * sign_of(side)], [-0.05], [0.98]], np.float32)
        points[15 + side] = points[13 + side] + shin * np.array([[0], [-0.99], [-0.10]], np.float32)
        for toe, way in enumerate(((-0.01, -0.06, 0.16), (0.05, -0.06, 0.13), (0.0, -0.06, -0.05))):
            points[17 + 3 * side + toe] = points[15 + side] + np.array(
                [[way[0] * sign_of(side)], [way[1]], [way[2]]], np.float32
            )
    return points


def hand_points_of(scene: Scene, side: int, frames: slice) -> Floats:
    """(21, 3, frames) points of one hand."""
    arms = scene.arms
    fingers, palm = arms.fingers[side][:, frames], arms.palm[side][:, frames]
    own = hand_points(arms.shape[side][:, frames]) * np.float32(scene.person.body.hand)
    thumb = _thumb(side, fingers, palm)
    return np.asarray(
        arms.wrist[side][:, frames] + own[:, 0:1] * fingers + own[:, 1:2] * palm + own[:, 2:3] * thumb, np.float32
    )


def face_points_of(scene: Scene, frames: slice) -> Floats:
    """(68, 3, frames) points of the face."""
    c = scene.channel
    jaw, press, puff, blink = (np.clip(c[name][frames], 0, 1.2) for name in ("jaw", "press", "puff", "blink"))
    own = face_points(jaw, press, puff, blink, c["brow"][frames], c["smile"][frames])
    own *= np.float32(scene.person.body.head)
    axes = scene.trunk.head_axes[:, :, frames]
    return np.asarray(
        scene.trunk.head[:, frames] + own[:, 0:1] * axes[0] + own[:, 1:2] * axes[1] + own[:, 2:3] * axes[2], np.float32
    )
