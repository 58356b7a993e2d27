"""Small releases of simulated poses, written as a release is, so that the benchmark reads real files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks import words
from manifests.errors import Unavailable
from manifests.poses import Poses, write_poses
from manifests.release import RELEASED, Release, open_release
from manifests.release_build import Content, write_release
from manifests.splits import splits_of
from manifests.subjects import draw_people
from manifests.tables import TABLES, Row, from_rows
from manifests.taxonomy import LABELS

LENGTH = 20  # frames of a gesture
FPS = 25
# Simulated: each class holds the right wrist at a place of its own, in pixels from the nose.
PLACES = {"touching_face": (0, 10), "folding_arms": (-60, 150), "touching_ears": (40, -5), "arms_akimbo": (-110, 190)}


def _pose(random: np.random.Generator, offset: tuple[int, int] | None) -> np.ndarray:
    """(17, 3) someone seated facing the camera; the right wrist is at `offset` from the nose, or on the table."""
    xy = np.zeros((17, 2))
    xy[:5] = (320, 120)
    xy[5], xy[6] = (400, 220), (240, 220)
    xy[7], xy[8] = (420, 300), (220, 300)
    xy[9] = (400, 380)
    xy[10] = (240, 380) if offset is None else (320 + offset[0], 120 + offset[1])
    xy[11:] = (320, 450)
    return np.concatenate([xy + random.normal(0, 2, xy.shape), np.full((17, 1), 0.9)], axis=1)


@pytest.fixture(autouse=True)
def without_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """No sentence encoder: loading it takes longer than all else here. Tests of words bring a reader of their own."""

    def absent(_: Sequence[str]) -> npt.NDArray[np.float32]:
        raise Unavailable("Words need a sentence encoder: pip install 'mgcollect[text]'")

    monkeypatch.setattr(words, "read_sentences", absent)


@pytest.fixture
def make_release(tmp_path: Path) -> Callable[..., Release]:
    """A function that writes a release: `people` give one recording each, or `videos` each, with `each` gestures a class.

    `change` maps a table's name to a function of its rows; `note` goes to meta/info.json.
    """

    def make(
        people: int = 4,
        *,
        labels: tuple[str, ...] = ("touching_face", "folding_arms"),
        each: int = 3,
        videos: int = 1,
        outcomes: tuple[str, ...] = ("unknown",),
        proposals: bool = True,
        note: str | None = "Simulated poses.",
        change: dict[str, Callable[[list[Row]], list[Row]]] | None = None,
        without_poses: tuple[str, ...] = (),
        taxonomy: tuple[str, ...] = LABELS,
        name: str = "release",
    ) -> Release:
        random = np.random.default_rng(7)
        rows: dict[str, list[Row]] = {table: [] for table in RELEASED if table != "poses"}
        poses: dict[str, Poses] = {}
        for p in range(people):
            player = f"P{p:04d}"
            rows["players"].append(
                {"player_id": player, "gender": None, "country": None, "birth_year": None, "opt_out": False}
            )
            for v in range(videos):
                outcome = outcomes[(p * videos + v) % len(outcomes)]
                _add_video(rows, poses, random, player, f"{player}-v{v}", labels, each, outcome, proposals)
        for table, function in (change or {}).items():
            rows[table] = function(rows[table])
        for clip in without_poses:
            del poses[clip]
        return _write(tmp_path / name, rows, poses, taxonomy, note)

    return make


def _add_video(
    rows: dict[str, list[Row]],
    poses: dict[str, Poses],
    random: np.random.Generator,
    player: str,
    video: str,
    labels: tuple[str, ...],
    each: int,
    outcome: str,
    proposals: bool,
) -> None:
    clip = f"{video}-clip"
    spans = [(LENGTH + 2 * LENGTH * i, label) for i, label in enumerate(labels * each)]
    n_frames = 2 * LENGTH * (len(spans) + 1)
    place: list[Any] = [None] * n_frames
    for start, label in spans:
        place[start : start + LENGTH] = [PLACES[label]] * LENGTH
    keypoints = np.stack([_pose(random, offset) for offset in place]).astype(np.float32)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    rows["videos"].append(
        {field.name: None for field in TABLES["videos"].columns}
        | {"video_id": video, "player_id": player, "source_url": f"https://example.org/{video}", "outcome": outcome}
        | {"duration_s": n_frames / FPS, "fps": float(FPS), "variable_fps": False, "width": 640, "height": 480}
        | {"path": "", "bytes": 0, "sha256": "0", "found_by": [], "checked_at": now, "availability": "unknown"}
        | {"made_by": "test"}
    )
    rows["clips"].append(
        {field.name: None for field in TABLES["clips"].columns}
        | {"clip_id": clip, "video_id": video, "player_id": player, "start_pts": 0, "end_pts": n_frames}
        | {"time_base": f"1/{FPS}", "start_s": 0.0, "end_s": n_frames / FPS, "shot": 0, "fps_num": FPS, "fps_den": 1}
        | {"n_frames": n_frames, "width": 640, "height": 480, "player_share": 1.0, "people": 1.0, "kept": True}
        | {"made_by": "test"}
    )
    boxes = np.tile(np.array([200, 50, 450, 480], dtype=np.float32), (n_frames, 1))
    poses[clip] = Poses(clip, "coco17", keypoints, boxes, made_by="test")
    for i, (start, label) in enumerate(spans):
        item = {"clip_id": clip, "start": start, "end": start + LENGTH, "label": label, "made_by": "test"}
        rows["gestures"].append(
            item
            | {"gesture_id": f"{clip}-{i}", "video_id": video, "player_id": player, "description": None}
            | {"n_annotators": 2, "agreement": 1.0, "adjudicated": False}
        )
        rows["annotations"].append(
            item
            | {
                "annotation_id": f"{clip}-{i}",
                "submission_id": clip,
                "window_start": None,
                "window_end": None,
                "annotator_id": "annotator_1",
                "verdict": "gesture",
            }
            | {"certainty": None, "description": None, "task_id": clip, "lead_time_s": None, "from_proposal": None}
            | {"created_at": now}
        )
        if proposals:
            rows["proposals"].append(
                item
                | {"proposal_id": f"{clip}-{i}", "score": 0.9 - 0.01 * i, "top_labels": [label], "top_scores": [0.9]}
                | {"model_version": "spotter-1"}
            )


def _write(
    folder: Path, rows: dict[str, list[Row]], poses: dict[str, Poses], labels: tuple[str, ...], note: str | None
) -> Release:
    tables = {name: from_rows(TABLES[name], part) for name, part in rows.items()}
    if not rows["splits"]:
        tables["splits"] = splits_of(tables, draw_people(tables["gestures"], tables["players"], tables["videos"]))
    files = {}
    for clip, found in poses.items():
        files[clip] = folder.with_name(f"{folder.name}-poses") / f"{clip}.parquet"
        write_poses(found, files[clip])
    write_release(Content(tables, files, labels, note=note), folder, "0.1.0", quiet=True)
    return open_release(folder)
