"""From any format to a release, and back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tqdm import tqdm

from manifests.errors import BadInput, explain_write_errors
from manifests.ids import annotation_id, clip_id, gesture_id, video_id
from manifests.importers.coco_wholebody import read_coco_wholebody, write_coco_wholebody
from manifests.importers.elan import read_elan, write_elan
from manifests.importers.imigue import read_imigue, write_imigue
from manifests.importers.mmpose import read_mmpose, write_mmpose
from manifests.importers.openpose import read_openpose, write_openpose
from manifests.importers.pyskl import read_pyskl, write_pyskl
from manifests.importers.recording import Collection, Opinion, Outgoing, Reading, Recording, Span
from manifests.importers.smg import read_smg, write_smg
from manifests.poses import Poses, table_from
from manifests.provenance import made_by
from manifests.release import Release, open_release
from manifests.release_build import BuildReport, Content, write_release
from manifests.splits import CROSS_SUBJECT, cross_subject, given_people
from manifests.tables import TABLES, Row, from_rows

__all__ = ["FORMATS", "UNKNOWN_PERSON", "ExportReport", "export_release", "import_release", "recordings_of"]

FORMATS = ("imigue", "smg", "pyskl", "openpose", "mmpose", "coco_wholebody", "elan")
UNKNOWN_PERSON = "unknown"  # all recordings whose person a format doesn't name; nothing shows that two of them differ
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # of what nobody checked

_READERS: dict[str, Callable[[Path, Reading], Collection]] = {
    "imigue": read_imigue,
    "smg": read_smg,
    "pyskl": read_pyskl,
    "openpose": read_openpose,
    "mmpose": read_mmpose,
    "coco_wholebody": read_coco_wholebody,
    "elan": read_elan,
}
_WRITERS: dict[str, Callable[[Outgoing, Path], None]] = {
    "imigue": write_imigue,
    "smg": write_smg,
    "pyskl": write_pyskl,
    "openpose": write_openpose,
    "mmpose": write_mmpose,
    "coco_wholebody": write_coco_wholebody,
    "elan": write_elan,
}
_ONE_FILE = {"pyskl": ".pkl", "coco_wholebody": ".json"}  # the others are folders


@dataclass(frozen=True)
class ExportReport:
    """What was written.

    Attributes:
        path: the file or folder.
        format: one of `FORMATS`.
        recordings: how many clips the release had to offer.
        notes: what could not be written, in sentences.
    """

    path: Path
    format: str
    recordings: int
    notes: tuple[str, ...] = field(default=())

    @property
    def exit_code(self) -> int:
        return 0


def import_release(
    format: str,
    path: Path | str,
    out: Path | str,
    *,
    version: str = "1.0.0",
    reading: Reading | None = None,
    license_file: Path | None = None,
    note: str | None = None,
    seed: int = 0,
    quiet: bool = False,
) -> BuildReport:
    """Make a release of a data set in another format.

    Its cross-subject split is the official one where the data set has lists of people; else the file's own, where it keeps
    people apart; else one is drawn, where people are known.

    Args:
        format: one of `FORMATS`.
        path: its file or folder.
        out: the release's folder.
        version: of the release.
        reading: what the files don't say themselves (frame rate, skeleton, …).
        license_file: the terms to publish under.
        note: what a reader must know; stands in the README beside what the importer has to say.
        seed: of the draw of labelled fractions.

    Raises:
        BadInput: the files are damaged or not of that format (the message names file, row and column), or another release
            stands in `out`.
        CannotWrite: the folder is read-only or its disk full.
    """
    _check(format)
    path, out = Path(path), Path(out)
    if not path.exists():
        raise BadInput(f"{path}: there is no such file or folder.")
    licence = license_file.read_text(encoding="utf-8") if license_file else None
    staging = out.with_name(f".{out.name}.importing")
    with explain_write_errors(out):
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        try:
            collection = _READERS[format](path, reading or Reading())
            tables, pose_files = _tables(format, collection, staging, seed, quiet=quiet)
            notes = " ".join([*([note] if note else []), f"Imported from {format}.", *collection.notes])
            content = Content(tables, pose_files, collection.labels, licence, notes)
            return write_release(content, out, version, quiet=quiet)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def export_release(format: str, release: Path | str, out: Path | str, *, quiet: bool = False) -> ExportReport:
    """Write a release's clips, poses, gestures and annotations in another format, as far as that holds them.

    Args:
        format: one of `FORMATS`.
        release: a release's folder.
        out: a folder, which may not hold anything yet; for pyskl a new .pkl file, for coco_wholebody a new .json file.

    Raises:
        BadInput: there is no release, something stands in `out`, or the format has no place for the release's skeleton or
            classes.
        CannotWrite: the folder is read-only or its disk full.
    """
    _check(format)
    out = Path(out)
    opened = open_release(release)
    suffix = _ONE_FILE.get(format)
    if suffix and out.suffix != suffix:
        raise BadInput(f"{out}: {format} is one file. Name one that ends in {suffix}.")
    if out.exists() and (suffix or not out.is_dir() or any(out.iterdir())):
        raise BadInput(f"{out} stands there already. Name a new {'file' if suffix else 'folder'}, or move it away.")
    clips = recordings_of(opened, format)
    splits: dict[str, dict[str, str]] = {}
    for row in opened.table("splits").sort_by([("protocol", "ascending"), ("draw", "descending")]).to_pylist():
        splits.setdefault(row["protocol"], {})[row["item_id"]] = row["part"]
    total = sum(opened.table("clips", ["kept"])["kept"].to_pylist())
    progress = tqdm(clips, total=total, desc=format, unit="clip", disable=quiet or None)
    outgoing = Outgoing(progress, opened.labels, splits)
    partial = out.with_name(f".{out.name}.partial")
    with explain_write_errors(out):
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            if suffix:
                _WRITERS[format](outgoing, partial / out.name)
                for written in sorted(partial.iterdir()):
                    written.replace(out.parent / written.name)
            else:
                _WRITERS[format](outgoing, partial)
                partial.replace(out)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return ExportReport(out, format, total, tuple(outgoing.notes))


def recordings_of(release: Release, format: str) -> Iterator[Recording]:
    """A release's kept clips with what belongs to them, in the order of their ids.

    A clip that was imported from `format` gets the name it had there; any other is called by its id.
    """
    videos = {row["video_id"]: row for row in release.table("videos").to_pylist()}
    gestures = _by_clip(release.table("gestures").to_pylist())
    annotations = _by_clip(release.table("annotations").to_pylist())
    for clip in release.table("clips").to_pylist():
        if not clip["kept"]:
            continue
        video = videos[clip["video_id"]]
        try:
            poses = release.poses(clip["clip_id"])
        except KeyError:
            poses = None
        yield Recording(
            name=video["platform_id"] if video["platform"] == format else clip["clip_id"],
            person="" if clip["player_id"] == UNKNOWN_PERSON else clip["player_id"],
            fps=Fraction(clip["fps_num"], clip["fps_den"]),
            n_frames=clip["n_frames"],
            poses=poses,
            gestures=tuple(
                Span(row["start"], row["end"], row["label"], row["description"], row["gesture_id"])
                for row in gestures.get(clip["clip_id"], [])
            ),
            opinions=tuple(
                Opinion(row["annotator_id"], row["start"], row["end"], row["label"], row["description"])
                for row in annotations.get(clip["clip_id"], [])
                if row["verdict"] == "gesture"
            ),
            width=clip["width"],
            height=clip["height"],
            outcome=video["outcome"],
            clip_id=clip["clip_id"],
            video_id=clip["video_id"],
        )


def _check(format: str) -> None:
    if format not in FORMATS:
        raise BadInput(f"{format!r} is no format that is known. Known are {', '.join(FORMATS)}.")


def _in_time(row: Row) -> tuple[int, int, str, str]:
    # An annotation that says "nothing here" has no frames and no label.
    return row["start"] or 0, row["end"] or 0, row["label"] or "", row.get("annotator_id", "")


def _by_clip(rows: list[Row]) -> dict[str, list[Row]]:
    grouped: dict[str, list[Row]] = {}
    for row in sorted(rows, key=_in_time):
        grouped.setdefault(row["clip_id"], []).append(row)
    return grouped


def _tables(
    format: str, collection: Collection, staging: Path, seed: int, *, quiet: bool
) -> tuple[dict[str, pa.Table], dict[str, Path]]:
    """The released tables of what was read; poses go to files of one clip each, so that no more is in memory."""
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
        "player_share": 1.0 if recording.poses is None else float(recording.poses.seen.mean()),
        "people": 1.0,
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
    people_apart = _cross_subject(collection, tables["gestures"], given, seed)
    if people_apart.num_rows:
        given = given.filter(pc.not_equal(given["protocol"], CROSS_SUBJECT))
    return pa.concat_tables([given, people_apart])


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


def _cross_subject(collection: Collection, gestures: pa.Table, given: pa.Table, seed: int) -> pa.Table:
    if collection.people:
        return given_people(gestures, collection.people, seed)
    people = set(gestures["player_id"].to_pylist())
    if UNKNOWN_PERSON in people:
        return from_rows(TABLES["splits"], [])
    own = [protocol.name for protocol in collection.protocols if protocol.unit == "gesture"]
    for name in sorted(own, key=lambda name: name != CROSS_SUBJECT):
        if parts := _people_apart(row for row in given.to_pylist() if row["protocol"] == name):
            if name != CROSS_SUBJECT:
                collection.notes.append(f"The split {CROSS_SUBJECT} has the people of the split {name}.")
            return given_people(gestures, parts, seed)
    if len(people) > 1:
        collection.notes.append(f"The split {CROSS_SUBJECT} was drawn by mgcollect.")
    return cross_subject(gestures, seed)


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
