"""Sheets of stick figures, to see whether a class looks like its definition. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.simulator.body import LEFT, RIGHT
from benchmarks.simulator.camera import draw_camera, hidden_joints, project
from benchmarks.simulator.people import draw_person
from benchmarks.simulator.scene import act, body_points, face_points_of, hand_points_of
from benchmarks.simulator.timeline import Segment, Timeline

__all__ = ["draw_sheet"]

_FPS, _FRAMES, _SEGMENT = 25, 100, (15, 85)
_SHOWN = (5, 24, 35, 45, 55, 66)
_LIMBS = ((5, 6), (5, 7), (7, 9), (6, 8), (8, 10), (5, 11), (6, 12), (11, 12))


def draw_sheet(labels: Sequence[str], path: Path | str, seed: int = 0) -> None:
    """Write a picture with a row a class and six moments a row, each row another person: true points, without noise.

    The left hand is blue, the right one red; a grey cross is a joint that the camera cannot see.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 2.4 * len(labels)), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(labels), len(_SHOWN), squeeze=False)
    every = slice(0, _FRAMES)
    for row, label in enumerate(labels):
        rng = np.random.default_rng((seed, row))
        person = draw_person(row + 1, rng)
        scene = act(person, Timeline((Segment(*_SEGMENT, label),), np.zeros(_FRAMES, np.float32)), _FPS, rng)
        camera = draw_camera(scene, _FPS, rng, steady=True)
        points = body_points(scene, every)
        body = project(camera, points, every)
        hidden = hidden_joints(scene, camera, points, body, every)
        face = project(camera, face_points_of(scene, every), every)
        hands = [project(camera, hand_points_of(scene, side, every), every) for side in (LEFT, RIGHT)]
        middle, half = float(body.u[5:7].mean()), 0.75 * float(body.v[11:13].mean() - body.v[0].mean())
        for axes, frame in zip(grid[row], _SHOWN, strict=True):
            for start, end in _LIMBS:
                axes.plot(body.u[[start, end], frame], body.v[[start, end], frame], color="0.2", lw=1.5)
            axes.scatter(face.u[:, frame], face.v[:, frame], s=1.5, color="tab:orange")
            for hand, colour in zip(hands, ("tab:blue", "tab:red"), strict=True):
                for finger in range(5):
                    bones = [0, *range(1 + 4 * finger, 5 + 4 * finger)]
                    axes.plot(hand.u[bones, frame], hand.v[bones, frame], color=colour, lw=1)
            unseen = hidden[:13, frame]
            axes.scatter(body.u[:13, frame][unseen], body.v[:13, frame][unseen], s=14, color="0.6", marker="x")
            top = float(body.v[0].mean())
            axes.set(xlim=(middle - half, middle + half), ylim=(top + 1.6 * half, top - 0.4 * half), aspect="equal")
            axes.set(xticks=[], yticks=[])
        grid[row][0].set_title(f"{label} (simulated)", loc="left", fontsize=9)
    figure.savefig(Path(path), dpi=60)
