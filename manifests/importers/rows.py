"""From recordings to the tables of a release."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tqdm import tqdm

from manifests.errors import BadInput
from manifests.ids import annotation_id, clip_id, gesture_id, video_id
from manifests.importers.recording import Collection, Recording
from manifests.poses import Poses, table_from
from manifests.provenance import made_by
from manifests.splits import CROSS_SUBJECT, splits_of
from manifests.subjects import draw_people
from manifests.tables import TABLES, Row, from_rows

__all__ = ["UNKNOWN_PERSON", "tables_from"]

UNKNOWN_PERSON = "unknown"  # all recordings whose person a format doesn't name; nothing shows that two of them differ
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # of what nobody checked


def tables_from(
    format: str, collection: Collection, staging: Path, seed: int, *, quiet: bool
) -> tuple[dict[str, pa.Table], dict[str, Path]]:
    """The released tables of what was read, and a file of poses for each clip, so that one recording is in memory at a time.

    Args:
        format: what was read; it stands in ids, addresses and `made_by`.
        collection: its notes get those on what was found here.
        staging: a folder for the files of poses.
        seed: of the splits.

    Raises:
        BadInput: there is no recording, two have one name, or coordinates can't be pixels.
    """
    rows: dict[str, list[Row]] = {name: [] for name in ("players", "videos", "clips", "annotations", "gestures")}
    pose_files: dict[str, Path] = {}
    ids: dict[str, str] = {}  # name of a recording -> its video
    twice = 0
    for recording in tqdm(_with_frames(collection), desc=format, unit="recording", disable=quiet or None):
        if recording.name in ids:
            raise BadInput(f"Two recordings are called {recording.name!r}. Give each a name of its own.")
        video, clip = _video_and_clip(format, recording)
        ids[recording.name] = video["video_id"]
        rows["videos"].append(video)
        rows["clips"].append(clip)
        gestures = {row["gesture_id"]: row for row in _gestures(recording, clip)}
        opinions = {row["annotation_id"]: row for row in _annotations(format, recording, clip)}
        twice += len(recording.gestures) - len(gestures) + len(recording.opinions) - len(opinions)
        rows["gestures"] += gestures.values()
        rows["annotations"] += opinions.values()
        if recording.poses is not None:
            pose_files[clip["clip_id"]] = staging / f"{clip['clip_id']}.parquet"
            _check_pixels(recording.name, recording.poses)
            poses = replace(recording.poses, clip_id=clip["clip_id"], made_by=clip["made_by"])
            # Staged for moments only, so without the flush that lasting files get.
            pq.write_table(table_from(poses), pose_files[clip["clip_id"]], compression="zstd")
    if not ids:
        raise BadInput(f"Nothing in it is a recording of the format {format}. Look at the folder's path.")
    if twice:
        collection.notes.append(f"{twice} labels were listed twice and stand once.")
    people = sorted({video["player_id"] for video in rows["videos"]})
    rows["players"] = [
        {"player_id": person, "gender": None, "country": None, "birth_year": None, "opt_out": False}
        for person in people
    ]
    tables = {name: from_rows(TABLES[name], some) for name, some in rows.items()}
    tables["proposals"] = from_rows(TABLES["proposals"], [])
    tables["splits"] = _splits(collection, tables, ids, seed)
    return tables, pose_files


def _with_frames(collection: Collection) -> Iterator[Recording]:
    for recording in collection.recordings:
        if recording.n_frames:
            yield recording
        else:
            collection.notes.append(f"{recording.name} has neither frames nor labels and is left out.")


def _video_and_clip(format: str, recording: Recording) -> tuple[Row, Row]:
    source = f"{format}:{recording.name}"
    person, seconds = recording.person or UNKNOWN_PERSON, float(recording.n_frames / recording.fps)
    maker = f"{made_by()}; imported from {format}"
    time_base = f"{recording.fps.denominator}/{recording.fps.numerator}"
    video: Row = {
        "video_id": video_id(source),
        "player_id": person,
        "source_url": source,
        "platform": format,
        "platform_id": recording.name,
        "title": None,
        "upload_date": None,
        "event": None,
        "round": None,
        "outcome": recording.outcome,
        "duration_s": seconds,
        "fps": float(recording.fps),
        "variable_fps": False,
        "width": recording.width,
        "height": recording.height,
        "licence": None,
        "path": None,
        "bytes": 0,
        "sha256": "",
        "found_by": [],
        "checked_at": _NEVER,
        "availability": "unknown",
        "made_by": maker,
    }
    clip: Row = {
        "clip_id": clip_id(video["video_id"], 0, recording.n_frames, time_base),
        "video_id": video["video_id"],
        "player_id": person,
        "start_pts": 0,
        "end_pts": recording.n_frames,
        "time_base": time_base,
        "start_s": 0.0,
        "end_s": seconds,
        "shot": 0,
        "fps_num": recording.fps.numerator,
        "fps_den": recording.fps.denominator,
        "n_frames": recording.n_frames,
        "width": recording.width,
        "height": recording.height,
        "path": None,
        "sha256": None,
        "player_box": None,
        "player_confidence": None,
        "player_doubt": None,
        "player_share": 1.0 if recording.poses is None else float(recording.poses.seen.mean()),
        "people": 1.0,
        "camera_speed": None,
        "kept": True,
        "reason": None,
        "made_by": maker,
    }
    return video, clip


def _gestures(recording: Recording, clip: Row) -> Iterator[Row]:
    for span in recording.gestures:
        yield {
            "gesture_id": gesture_id(clip["clip_id"], span.start, span.end, span.label),
            "clip_id": clip["clip_id"],
            "video_id": clip["video_id"],
            "player_id": clip["player_id"],
            "start": span.start,
            "end": span.end,
            "label": span.label,
            "description": span.description,
            "n_annotators": len({opinion.annotator for opinion in recording.opinions}),
            "agreement": float("nan"),  # other formats keep no count of who agreed
            "adjudicated": False,
            "made_by": clip["made_by"],
        }


def _annotations(format: str, recording: Recording, clip: Row) -> Iterator[Row]:
    for opinion in recording.opinions:
        submission = f"{recording.name}/{opinion.annotator}"
        yield {
            "annotation_id": annotation_id(format, submission, f"{opinion.start}/{opinion.end}/{opinion.label}"),
            "submission_id": submission,
            "clip_id": clip["clip_id"],
            "window_start": None,
            "window_end": None,
            "annotator_id": opinion.annotator,
            "verdict": "gesture",
            "start": opinion.start,
            "end": opinion.end,
            "label": opinion.label,
            "certainty": None,
            "description": opinion.description,
            "task_id": recording.name,
            "lead_time_s": None,
            "from_proposal": None,
            "created_at": _NEVER,
            "made_by": clip["made_by"],
        }


def _check_pixels(name: str, poses: Poses) -> None:
    seen = poses.positions[poses.confidence > 0]
    if poses.unit == "pixel" and len(seen) and np.abs(seen).max() <= 1:
        raise BadInput(
            f"{name}: all coordinates lie between -1 and 1, so they are no pixels, and rounding to 1/16 would spoil them. "
            "Say so with the unit arbitrary (or metre)."
        )


def _splits(collection: Collection, tables: dict[str, pa.Table], ids: dict[str, str], seed: int) -> pa.Table:
    given = from_rows(TABLES["splits"], list(_given(collection, tables, ids)))
    ours = splits_of(tables, _parts(collection, tables, given, seed), seed)
    own = pc.is_in(given["protocol"], value_set=ours["protocol"].unique())
    return pa.concat_tables([given.filter(pc.invert(own)), ours])


def _given(collection: Collection, tables: dict[str, pa.Table], ids: dict[str, str]) -> Iterator[Row]:
    """Rows of the splits that come with the data; a recording without a gesture stands for itself."""
    by_video: dict[str, list[Row]] = {}
    for row in tables["gestures"].to_pylist():
        by_video.setdefault(row["video_id"], []).append(row)
    person_of = {row["video_id"]: row["player_id"] for row in tables["videos"].to_pylist()}
    for protocol in collection.protocols:
        for name, part in protocol.parts.items():
            if name not in ids:
                continue
            video = ids[name]
            items = [("gesture", row["gesture_id"]) for row in by_video.get(video, [])]
            if protocol.unit == "video" or not items:
                items = [("video", video)]
            for unit, item in items:
                yield {
                    "protocol": protocol.name,
                    "draw": 0,
                    "unit": unit,
                    "item_id": item,
                    "player_id": person_of[video],
                    "part": part,
                    "labelled": [],
                }


def _parts(collection: Collection, tables: dict[str, pa.Table], given: pa.Table, seed: int) -> dict[str, str]:
    """Who is where: by the official lists of people, by a split of the file's own that keeps people apart, or drawn."""
    if collection.people:
        return dict(collection.people)
    gestures = tables["gestures"]
    people = set(gestures["player_id"].to_pylist())
    if UNKNOWN_PERSON in people:
        return {}
    own = [protocol.name for protocol in collection.protocols if protocol.unit == "gesture"]
    for name in sorted(own, key=lambda name: name != CROSS_SUBJECT):
        if parts := _people_apart(row for row in given.to_pylist() if row["protocol"] == name):
            if name != CROSS_SUBJECT:
                collection.notes.append(f"The split {CROSS_SUBJECT} has the people of the split {name}.")
            return parts
    if len(people) > 1:
        collection.notes.append(f"The split {CROSS_SUBJECT} was drawn by mgcollect.")
    return draw_people(gestures, tables["players"], tables["videos"], seed=seed)


def _people_apart(rows: Iterable[Row]) -> dict[str, str] | None:
    """person -> part, where no person is in two parts and there is something to learn from and something to test on."""
    parts: dict[str, str] = {}
    for row in rows:
        if parts.setdefault(row["player_id"], row["part"]) != row["part"]:
            return None
    if "test" not in parts.values():
        # pyskl and others call the part that they test on "val".
        parts = {person: "test" if part == "val" else part for person, part in parts.items()}
    return parts if {"train", "test"} <= set(parts.values()) else None
