"""From any format to a release, and back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from tqdm import tqdm

from manifests.errors import BadInput, explain_write_errors
from manifests.importers.coco_wholebody import read_coco_wholebody, write_coco_wholebody
from manifests.importers.elan import read_elan, write_elan
from manifests.importers.imigue import read_imigue, write_imigue
from manifests.importers.mmpose import read_mmpose, write_mmpose
from manifests.importers.openpose import read_openpose, write_openpose
from manifests.importers.pyskl import read_pyskl, write_pyskl
from manifests.importers.recording import Collection, Opinion, Outgoing, Reading, Recording, Span
from manifests.importers.rows import UNKNOWN_PERSON, tables_from
from manifests.importers.smg import read_smg, write_smg
from manifests.release import Release, open_release
from manifests.release_build import BuildReport, Content, read_licence, write_release
from manifests.splits import parts_of
from manifests.subjects import PARTS
from manifests.tables import Row

__all__ = ["FORMATS", "ExportReport", "export_release", "import_release", "recordings_of"]

FORMATS = ("imigue", "smg", "pyskl", "openpose", "mmpose", "coco_wholebody", "elan")

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
    licence = read_licence(license_file)
    staging = out.with_name(f".{out.name}.importing")
    with explain_write_errors(out):
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        try:
            collection = _READERS[format](path, reading or Reading())
            tables, pose_files = tables_from(format, collection, staging, seed, quiet=quiet)
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
    rows = opened.table("splits")
    # Galleries and queries are none of the parts that these formats know.
    rows = rows.filter(pc.is_in(rows["part"], value_set=pa.array(PARTS)))
    splits = {protocol: parts_of(rows, protocol) for protocol in sorted(rows["protocol"].unique().to_pylist())}
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
