"""Published figures of iMiGUE and SMG, to stand beside a run on these sets.

Shown only where the release that was scored was imported from the set itself. The figures are shares, as our scores are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.compare import read_run
from manifests.errors import BadInput

__all__ = ["PUBLISHED", "Figure", "PublishedSet", "beside_published"]

_IMIGUE = "Liu et al., iMiGUE, CVPR 2021; https://github.com/linuxsino/iMiGUE"
_SMG = "Chen et al., SMG, IJCV 2023; https://github.com/mikecheninoulu/SMG"
_MIGA23 = "MiGA 2023 track 1, https://arxiv.org/abs/2307.10624 (by way of the gain that MiGA 2024 names)"
_MIGA24 = "MiGA 2024 track 1, https://arxiv.org/abs/2408.03097"
_MIGA25 = "MiGA 2025 track 1, https://arxiv.org/abs/2507.08344"
_MIGA26 = "MiGA 2026 track 1, https://arxiv.org/abs/2606.09261"


@dataclass(frozen=True)
class Figure:
    """One published figure: a share from 0 to 1, of which task and metric of ours, by what, from what, and where it stands."""

    task: str
    metric: str
    method: str
    sees: str
    value: float
    source: str


@dataclass(frozen=True)
class PublishedSet:
    """What is published of one set.

    Attributes:
        name: as its authors write it.
        gestures: in the set, or None where that is not what the figures are of.
        caution: what isn't comparable.
        figures: the figures.
    """

    name: str
    gestures: int
    caution: str
    figures: tuple[Figure, ...]


def _recognition(rows: tuple[tuple[str, str, float, float], ...], source: str) -> tuple[Figure, ...]:
    return tuple(
        Figure("supervised", metric, method, sees, round(value / 100, 4), source)
        for method, sees, first, fifth in rows
        for metric, value in (("top1", first), ("top5", fifth))
    )


PUBLISHED: dict[str, PublishedSet] = {
    "imigue": PublishedSet(
        "iMiGUE",
        18_499,
        "Published figures are of the official 37 training and 35 test subjects. Emotion there is of 100 chosen test "
        "videos, half won; ours is of all that the release holds. "
        "The unsupervised ones have classifiers of their own. RGB methods see the pictures, ours only poses.",
        (
            *_recognition(
                (
                    ("LSTM", "pose", 32.36, 72.93),
                    ("ST-GCN", "pose", 46.97, 84.09),
                    ("2S-GCN", "pose", 47.78, 88.43),
                    ("Shift-GCN", "pose", 51.51, 88.18),
                    ("GCN-NAS", "pose", 53.90, 89.21),
                    ("MS-G3D", "pose", 54.91, 89.98),
                    ("TSM", "RGB", 61.10, 91.24),
                ),
                _IMIGUE,
            ),
            Figure("supervised", "top1", "PoseConv3D", "pose", 0.6412, _MIGA23),
            Figure("supervised", "top1", "prototype refinement", "RGB and pose", 0.70254, _MIGA24),
            Figure("supervised", "top1", "MM-Gesture", "RGB, pose, flow, depth", 0.73213, _MIGA25),
            Figure("supervised", "top1", "masked video pre-training, ensemble", "RGB and pose", 0.74419, _MIGA26),
            Figure("unsupervised", "linear_probe", "P&C", "pose", 0.3167, _IMIGUE),
            Figure("unsupervised", "linear_probe", "U-S-VAE Z", "pose", 0.3243, _IMIGUE),
            Figure("emotion", "accuracy", "ST-GCN", "pose", 0.50, _IMIGUE),
            Figure("emotion", "accuracy", "MS-G3D", "pose", 0.55, _IMIGUE),
            Figure("emotion", "accuracy", "U-S-VAE and LSTM", "pose", 0.55, _IMIGUE),
            Figure("emotion", "accuracy", "TSM and LSTM", "RGB", 0.60, _IMIGUE),
        ),
    ),
    "smg": PublishedSet(
        "SMG",
        3_692,
        "Published figures are of subjects 36 to 40 as test. RGB methods see the pictures, ours only poses.",
        (
            *_recognition(
                (
                    ("ST-GCN", "pose", 41.48, 86.07),
                    ("2S-GCN", "pose", 43.11, 86.90),
                    ("Shift-GCN", "pose", 55.31, 87.34),
                    ("GCN-NAS", "pose", 58.85, 85.08),
                    ("MS-G3D", "pose", 64.75, 91.48),
                    ("TSM", "RGB", 58.69, 83.93),
                    ("TRN", "RGB", 59.51, 88.53),
                ),
                _SMG,
            ),
            Figure("spotting", "f1_lenient", "STABNet", "pose", 0.182, _SMG),
            Figure("spotting", "f1_lenient", "AED-BiLSTM", "pose", 0.203, _SMG),
        ),
    ),
}


def beside_published(folder: Path | str) -> str:
    """A run's scores beside the published figures of the set that it scored, for the terminal.

    Raises:
        BadInput: there is no run, or it scored neither iMiGUE nor SMG.
    """
    content, _ = read_run(folder)
    run: dict[str, Any] = content["run"]
    platforms = run.get("platforms", [])
    if len(platforms) != 1 or platforms[0] not in PUBLISHED:
        raise BadInput(
            f"{folder}: this run scored no release imported from {' or '.join(s.name for s in PUBLISHED.values())} "
            f"(its recordings come from {', '.join(platforms) or 'elsewhere'}), so no published figure can stand beside it. "
            "Import the set with `mgcollect release import` and score that."
        )
    known = PUBLISHED[platforms[0]]
    lines = [f"{known.name}: this run beside published figures", f"  {known.caution}"]
    if run["gestures"] != known.gestures:
        lines.append(
            f"  This release holds {run['gestures']:,} gestures, {known.name} {known.gestures:,}: not the same test."
        )
    for task, metric in dict.fromkeys((figure.task, figure.metric) for figure in known.figures):
        ours = [s for s in content["scores"] if (s["task"], s["metric"], s["fraction"]) == (task, metric, None)]
        lines += ["", f"{task}, {metric}"]
        for method in dict.fromkeys(score["method"] for score in ours):
            values = [score["value"] for score in ours if score["method"] == method]
            lines.append(f"  {sum(values) / len(values):.3f}  {method} (this run, mean of {len(values)} seeds)")
        if not ours:
            lines.append("  this run has no such score")
        for figure in sorted(known.figures, key=lambda figure: -figure.value):
            if (figure.task, figure.metric) == (task, metric):
                lines.append(f"  {figure.value:.3f}  {figure.method}, {figure.sees}; {figure.source}")
    return "\n".join(lines)
