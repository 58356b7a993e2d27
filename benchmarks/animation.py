"""Moving stick figures as one SVG, animated by the browser itself: nothing to load, and no script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import numpy.typing as npt

from benchmarks.corpus import Sample
from models.skeletons import skeleton

__all__ = ["animated", "stick_figure"]

_FRAMES = 12  # kept of a gesture
_SIDE = 120  # of a figure's cell, in SVG units
_SEEN = 0.3
_LOOP_SECONDS = 2.4
_LETTERS = 20  # of a caption that fits under its cell as it is; longer ones are squeezed


def stick_figure(sample: Sample, label: str) -> dict[str, Any]:
    """A gesture as JSON-able drawing data: `frames`, each a list of strokes [x0, y0, x1, y1] within 0 to 120."""
    joints = skeleton(sample.poses.skeleton)
    keypoints = joints.select(sample.poses.keypoints)
    picked = keypoints[np.linspace(0, len(keypoints) - 1, _FRAMES).round().astype(int)]
    seen = picked[..., -1] >= _SEEN
    xy = _fitted(picked[..., :2].astype(np.float64), seen, y_up=sample.poses.unit != "pixel")
    frames = [
        [[*xy[f, a].tolist(), *xy[f, b].tolist()] for a, b in joints.limbs if seen[f, a] and seen[f, b]]
        for f in range(len(picked))
    ]
    return {"gesture_id": sample.gesture_id, "label": label, "frames": frames}


def _fitted(xy: npt.NDArray[np.float64], seen: npt.NDArray[np.bool_], *, y_up: bool) -> npt.NDArray[np.int64]:
    """Positions scaled into the cell, whole numbers."""
    if y_up:
        xy = xy * (1, -1)
    if not seen.any():
        return np.zeros(xy.shape, dtype=np.int64)
    low, high = xy[seen].min(axis=0), xy[seen].max(axis=0)
    size = max(float((high - low).max()), 1e-9)
    middle = (low + high) / 2
    fitted: npt.NDArray[np.int64] = np.clip(((xy - middle) / size * 0.85 + 0.5) * _SIDE, 0, _SIDE).round().astype(int)
    return fitted


def animated(title: str, queries: Sequence[dict[str, Any]]) -> str:
    """An SVG with a row a query: `items`, the query first, as `stick_figure` makes them."""
    width = 16 + (_SIDE + 12) * max(len(query["items"]) for query in queries)
    height = 36 + (_SIDE + 32) * len(queries)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="11"><title>{escape(title)}</title>'
        f'<rect width="{width}" height="{height}" fill="white"/><text x="12" y="20" font-size="14">{escape(title)}</text>'
    ]
    for row, query in enumerate(queries):
        wanted = query["items"][0]["label"]
        for column, item in enumerate(query["items"]):
            right = column and item["label"] == wanted
            parts.append(_cell(item, 12 + column * (_SIDE + 12), 34 + row * (_SIDE + 32), column == 0, bool(right)))
    return "".join(parts) + "</svg>"


def _cell(item: dict[str, Any], x: int, y: int, query: bool, right: bool) -> str:
    strokes = [" ".join(f"M{x0} {y0}L{x1} {y1}" for x0, y0, x1, y1 in frame) or "M0 0" for frame in item["frames"]]
    # Frames differ in their strokes where a joint is lost, so they are shown in turn, not blended.
    movement = (
        f'<animate attributeName="d" dur="{_LOOP_SECONDS}s" repeatCount="indefinite" calcMode="discrete" '
        f'values="{";".join(strokes)}"/>'
    )
    frame = "#009E73" if right else "#BBBBBB"
    fill = "#F3F3F3" if query else "white"
    caption = item["label"] + (" ✓" if right else "")
    fitted = f' textLength="{_SIDE}" lengthAdjust="spacingAndGlyphs"' if len(caption) > _LETTERS else ""
    return (
        f'<g transform="translate({x} {y})"><rect width="{_SIDE}" height="{_SIDE}" fill="{fill}" stroke="{frame}" '
        f'stroke-width="{3 if right else 1}"/><path d="{strokes[0]}" fill="none" stroke="#0072B2" stroke-width="2.5" '
        f'stroke-linecap="round">{movement}</path><text y="{_SIDE + 14}"{fitted}>{escape(caption)}</text></g>'
    )
