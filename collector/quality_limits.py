"""What is measured of a clip, and the limits that a user sets: `quality_limits.yaml` in the dataset's folder.

What could not be measured (the blur of hands that are never in view) excludes no clip.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from manifests.errors import BadInput
from manifests.parquet import write_text

__all__ = ["LIMITS_FILE", "MEASURES", "Limits", "Measure", "beyond", "changed", "read_limits", "write_limits"]

LIMITS_FILE = "quality_limits.yaml"
_HEAD = """# What a clip must be like to be kept. Written by `mgcollect quality`, which also reads what you change here.
"""

Limits = dict[str, dict[str, float]]  # measure -> "min", "max" or both


@dataclass(frozen=True)
class Measure:
    """A column of the quality table.

    Attributes:
        name: the column.
        title: what it is called in a sentence.
        unit: what a number is of; empty for a share.
        more_is_better: None where neither is.
        about: how it is measured, in a sentence.
    """

    name: str
    title: str
    unit: str
    more_is_better: bool | None
    about: str


MEASURES = (
    Measure(
        "pose_confidence",
        "pose confidence",
        "",
        True,
        "Mean confidence of head, shoulders, elbows and wrists; 0 in frames without the player.",
    ),
    Measure("face_share", "share with the face", "", True, "Share of the frames that show nose and an eye."),
    Measure("left_hand_share", "share with the left hand", "", True, "Share of the frames that show it."),
    Measure("right_hand_share", "share with the right hand", "", True, "Share of the frames that show it."),
    Measure(
        "hand_share",
        "share with a hand",
        "",
        True,
        "Share of the frames that show at least one hand; of coco17 poses, which have no fingers, its wrist.",
    ),
    Measure("people", "people in view", "people", False, "Mean number of people in the frames that were looked at."),
    Measure("face_size", "face size", "pixels", True, "Distance between the eyes, median over the frames."),
    Measure(
        "camera_speed",
        "camera speed",
        "picture widths/s",
        False,
        "How fast the background moves, 90th percentile over the looks of segmenting; 0 before a bare wall.",
    ),
    Measure("face_blur", "blur of the face", "", False, "0 sharp to 1 blurred, median over looks."),
    Measure("hand_blur", "blur of the hands", "", False, "0 sharp to 1 blurred, median over looks."),
    Measure(
        "face_motion",
        "motion of the face",
        "shoulder widths/s",
        None,
        "Speed of the head relative to the shoulders, mean over the clip.",
    ),
    Measure(
        "hand_motion",
        "motion of the hands",
        "shoulder widths/s",
        None,
        "Speed of the faster hand relative to the shoulders, mean over the clip.",
    ),
)
_BY_NAME = {measure.name: measure for measure in MEASURES}


def read_limits(root: Path) -> Limits:
    """The limits of a dataset; none where no file stands.

    Raises:
        BadInput: the file is wrong; the message names the entry.
    """
    path = root / LIMITS_FILE
    if not path.exists():
        return {}
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        raise BadInput(f"{path}{line}: this is no YAML. Mend it, or delete it to lift all limits.") from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise BadInput(f"{path}: write measures with limits, such as `pose_confidence: {{min: 0.5}}`.")
    return {str(name): _checked(path, str(name), limit) for name, limit in found.items()}


def write_limits(root: Path, limits: Limits) -> None:
    """Replace the limits of a dataset.

    Raises:
        BadInput: a limit is wrong.
        CannotWrite: the folder is read-only or its disk full.
    """
    path = root / LIMITS_FILE
    for name, limit in limits.items():
        _checked(path, name, limit)
    text = yaml.safe_dump(limits, sort_keys=True) if limits else ""
    write_text(path, _HEAD + text)


def changed(limits: Limits, setting: Limits, lift: Sequence[str] = ()) -> Limits:
    """Limits after some were lifted and others set; a bound that is not set stays.

    Raises:
        BadInput: what is to be lifted is no measure.
    """
    for name in lift:
        if name != "all" and name not in _BY_NAME:
            raise BadInput(f"--lift {name}: this is not measured. Known are {', '.join(_BY_NAME)}, and all.")
    stay = {} if "all" in lift else {name: limit for name, limit in limits.items() if name not in lift}
    return stay | {name: stay.get(name, {}) | limit for name, limit in setting.items()}


def beyond(limits: Limits, measured: Mapping[str, Any]) -> list[str]:
    """Why a clip is not kept: each limit that its measures are beyond, in words."""
    reasons = []
    for name, limit in limits.items():
        value = measured.get(name)
        if value is None:
            continue
        unit = f" {_BY_NAME[name].unit}" if _BY_NAME[name].unit else ""
        if value < limit.get("min", -math.inf):
            reasons.append(f"{_BY_NAME[name].title} below {limit['min']:g}{unit} ({value:.3g})")
        if value > limit.get("max", math.inf):
            reasons.append(f"{_BY_NAME[name].title} above {limit['max']:g}{unit} ({value:.3g})")
    return reasons


def _checked(path: Path, name: str, limit: Any) -> dict[str, float]:
    if name not in _BY_NAME:
        raise BadInput(f"{path}: {name} is not measured. Known are {', '.join(_BY_NAME)}.")
    right = isinstance(limit, dict) and limit and limit.keys() <= {"min", "max"}
    numbers = list(limit.values()) if right else []
    if not right or not all(_is_number(value) for value in numbers):
        raise BadInput(f"{path}, {name}: write {{min: NUMBER}}, {{max: NUMBER}} or both.")
    if limit.get("min", -math.inf) > limit.get("max", math.inf):
        raise BadInput(
            f"{path}, {name}: min {limit['min']:g} is more than max {limit['max']:g}, so no clip would be kept."
        )
    return {bound: float(value) for bound, value in limit.items()}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
