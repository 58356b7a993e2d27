"""The camera before the desk: a pinhole whose picture is 1280 by 720, a little unsteady; and what it cannot see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.simulator.body import LEFT, RIGHT, Floats
from benchmarks.simulator.scene import DESK_HEIGHT, Scene, wander

__all__ = [
    "HEIGHT",
    "WIDTH",
    "Camera",
    "Picture",
    "below_desk",
    "draw_camera",
    "hidden_joints",
    "out_of_sight",
    "palm_centre",
    "project",
]

WIDTH, HEIGHT = 1280, 720

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Camera:
    """Where the camera stands and how it shakes.

    Attributes:
        yaw: radians that it stands to the player's left.
        distance: metres from the seat.
        height: metres above the hip joints.
        focal: (frames,) pixels.
        centre: (2, frames) pixel where the point at the camera's height straight ahead lands.
        obstacle: a bottle or a microphone on the desk: left, right and top edge in pixels, down to the picture's end.
    """

    yaw: float
    distance: float
    height: float
    focal: Floats
    centre: Floats
    obstacle: tuple[float, float, float]


def draw_camera(scene: Scene, fps: float, rng: np.random.Generator, *, steady: bool = False) -> Camera:
    """A camera that frames the player from the desk to above the head, as television does.

    Args:
        steady: neither shakes nor zooms.
    """
    n = scene.n_frames
    distance, yaw = float(rng.uniform(2.4, 4.8)), float(np.clip(rng.normal(0, 0.30), -0.65, 0.65))
    shoulders = float(rng.uniform(190, 430))  # pixels between the shoulder joints; closer than that hides the desk
    focal = shoulders * distance / (2 * scene.person.body.shoulder)
    height = float(rng.uniform(0.45, 0.85))
    zoom = 1 + (0 if steady else 1) * wander(rng, n, 12 * fps, 0.015)
    across, above = float(rng.normal(640, 90)), float(rng.uniform(170, 250))  # where the ears are on average
    head = scene.trunk.head.mean(axis=1)
    aside = float(head[0] * np.cos(yaw) - head[2] * np.sin(yaw))
    near = distance - float(head[0] * np.sin(yaw) + head[2] * np.cos(yaw))
    centre = np.empty((2, n), np.float32)
    centre[0] = across - focal * aside / near
    centre[1] = above + focal * (float(head[1]) - height) / near
    if not steady:
        for axis in range(2):
            centre[axis] += wander(rng, n, 8 * fps, 4.0) + wander(rng, n, 0.25 * fps, 0.5)
    metre = focal / distance
    left = across + float(rng.uniform(-0.35, 0.35)) * metre
    top = above + float(rng.uniform(0.42, 0.60)) * metre
    obstacle = (left, left + float(rng.uniform(0.03, 0.10)) * metre, top)
    return Camera(yaw, distance, height, (focal * zoom).astype(np.float32), centre, obstacle)


@dataclass(frozen=True)
class Picture:
    """Points as the camera sees them.

    Attributes:
        u, v: (points, frames) pixels.
        ahead: (points, frames) metres towards the camera from the seat; what is ahead hides what is behind.
    """

    u: Floats
    v: Floats
    ahead: Floats


def project(camera: Camera, points: Floats, frames: slice) -> Picture:
    """(points, 3, frames) in metres to pixels."""
    sin, cos = np.float32(np.sin(camera.yaw)), np.float32(np.cos(camera.yaw))
    ahead = points[:, 0] * sin + points[:, 2] * cos
    pixels = camera.focal[frames] / (np.float32(camera.distance) - ahead)
    u = (points[:, 0] * cos - points[:, 2] * sin) * pixels + camera.centre[0, frames]
    v = (np.float32(camera.height) - points[:, 1]) * pixels + camera.centre[1, frames]
    return Picture(u, v, ahead)


# --- occlusion -----------------------------------------------------------------------------------------------------------

_DESK_EDGE = 0.75  # metres before the seat, where the desk ends and its front hides what is lower
_PALM_RADIUS = 0.085


def hidden_joints(scene: Scene, camera: Camera, points: Floats, picture: Picture, frames: slice) -> Bools:
    """(joints, frames) whether a body joint cannot be seen: out of the picture, under the desk, behind the trunk, the head turned
    away, or a hand before it.

    Args:
        points: (joints, 3, frames), `body_points` or its first 17.
        picture: of the same points.
    """
    hidden = out_of_sight(camera, picture)
    hidden |= below_desk(scene, camera, points[:, 1], picture.ahead)
    trunk = scene.trunk
    axes = trunk.head_axes[:, :, frames]
    outwards = axes[0, 0] * np.float32(np.sin(camera.yaw)) + axes[0, 2] * np.float32(np.cos(camera.yaw))
    for side, sign in ((LEFT, 1), (RIGHT, -1)):
        hidden[3 + side] |= sign * outwards < -0.5
        hidden[1 + side] |= sign * outwards < -0.8
    top, chest = trunk.top[:, frames], trunk.chest_axes[:, :, frames]
    half = scene.person.body.shoulder
    for joint in (7, 8, 9, 10):
        away = points[joint] - top
        behind = away[0] * chest[2, 0] + away[1] * chest[2, 1] + away[2] * chest[2, 2] < -0.05
        within = np.abs(away[0] * chest[0, 0] + away[1] * chest[0, 1] + away[2] * chest[0, 2]) < half
        hidden[joint] |= behind & within & (away[1] < 0.06)
    for side in (LEFT, RIGHT):
        palm = palm_centre(scene, side, frames)
        for joint in range(5):
            hidden[joint] |= _covers(palm, points[joint])
        hidden[9 + side] |= _near_segment(points[9 + side], points[8 - side], points[10 - side], 0.05)
    return hidden


def out_of_sight(camera: Camera, picture: Picture) -> Bools:
    """Whether points are outside the picture or behind what stands on the desk."""
    u, v = picture.u, picture.v
    left, right, top = camera.obstacle
    hidden = (u < 0) | (u >= WIDTH) | (v < 0) | (v >= HEIGHT)
    return np.asarray(hidden | ((u > left) & (u < right) & (v > top)))


def below_desk(scene: Scene, camera: Camera, y: Floats, ahead: Floats) -> Bools:
    """Whether the line from the camera to points of this height and place goes through the desk's front."""
    share = (camera.distance - _DESK_EDGE) / (np.float32(camera.distance) - ahead)
    at_edge = camera.height + (y - np.float32(camera.height)) * share
    return np.asarray((ahead < _DESK_EDGE) & (at_edge < DESK_HEIGHT * scene.person.body.scale))


def palm_centre(scene: Scene, side: int, frames: slice) -> Floats:
    """(3, frames) middle of a hand."""
    reach = np.float32(0.5 * scene.person.body.hand)
    return np.asarray(scene.arms.wrist[side][:, frames] + reach * scene.arms.fingers[side][:, frames], np.float32)


def _covers(palm: Floats, joint: Floats) -> Bools:
    """Whether a palm is before a joint, seen from the front."""
    across, up = palm[0] - joint[0], palm[1] - joint[1]
    return np.asarray((across * across + up * up < _PALM_RADIUS**2) & (palm[2] > joint[2] - 0.01))


def _near_segment(point: Floats, start: Floats, end: Floats, radius: float) -> Bools:
    """Whether a wrist lies behind the other forearm, seen from the front."""
    line, away = end - start, point - start
    share = np.clip((line[0] * away[0] + line[1] * away[1]) / (line[0] ** 2 + line[1] ** 2 + 1e-6), 0, 1)
    across, up, front = (away[axis] - share * line[axis] for axis in range(3))
    return np.asarray((across * across + up * up < radius**2) & (front < -0.01))
