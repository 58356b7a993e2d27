"""iMiGUE (Liu et al., CVPR 2021), as its full release and as the MiGA challenges give it out.

    NNNN/NNNN_label.csv          class, start, end; 0-based and inclusive, no names; class 99 is illustrative
    NNNN/NNNN_openpose.xlsx      OpenPose's 137 points, 411 columns; NNNN_2.xlsx in the full release; .csv is read too
    NNNN/NNNN_light_hand.csv     25 body points and the tips of the fingers, 105 columns after one that counts
    Label/labels_*.csv           the full release: video_id, subject_id, class, start_frame, end_frame, …, win_or_lose
    Label/*.csv                  with the columns index, type: names of the classes

Videos may lie under folders whose names say the challenge's part (…train, …validate or …validation, …test). Subjects and the
match's outcome stand in the full release's table alone.

Official cross-subject split: 37 subjects learn, 35 test (below). The challenge's own split is `miga`, and `miga_emotion` by
video; its validation people are in train as well, and all won, which `mgcollect release verify` finds. The official emotion
protocol (102 videos to learn from, 100 to test on) is a list of video ids that we don't have, so it is left out.

Defects of the data that are handled: frames of zeros, mostly at the start, are frames where nobody was seen; the skeleton files
of videos 347 and 348 are empty, and their labels come without poses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import openpyxl

from manifests.errors import BadInput
from manifests.importers.cells import parse_whole, read_named_rows, read_numbers, read_whole_numbers, write_csv
from manifests.importers.recording import (
    Collection,
    Outgoing,
    Protocol,
    Reading,
    Recording,
    Span,
    frames_in,
    person_number,
    poses_of,
    pseudonym,
)
from manifests.poses import Poses
from manifests.taxonomy import CLASSES, by_label

__all__ = ["IMIGUE_PEOPLE", "LIGHT_COLUMNS", "read_imigue", "write_imigue"]

_TRAIN = (
    *(
        2,
        4,
        5,
        6,
        9,
        10,
        12,
        13,
        14,
        15,
        17,
        18,
        20,
        21,
        22,
        23,
        25,
        28,
        29,
        30,
        31,
        35,
        36,
        38,
        39,
        41,
        42,
        43,
        44,
        46,
        47,
    ),
    *(48, 52, 53, 59, 61, 62),
)
IMIGUE_PEOPLE = {pseudonym(number): "train" if number in _TRAIN else "test" for number in range(1, 73)}

_LABEL_OF = {c.imigue_id: c.label for c in CLASSES}
_FULL, _LIGHT = "openpose137", "openpose35"
LIGHT_COLUMNS = (*range(25), 99, 103, 107, 111, 115, 120, 124, 128, 132, 136)  # of the 137
_FPS, _WIDTH, _HEIGHT = Fraction(25), 1280, 720
_TABLE = ("video_id", "class", "start_frame", "end_frame")

Outcome = Literal["win", "lose", "unknown"]


@dataclass
class _Sheet:
    """What the full release's table says of one video."""

    subject: str = ""
    outcome: Outcome = "unknown"
    spans: list[tuple[str, Span]] = field(default_factory=list)  # each with its file and row


def read_imigue(path: Path, reading: Reading) -> Collection:
    """Read a folder of videos, the full release's table, or both.

    Args:
        path: the folder that holds them at any depth, or the table alone.
        reading: `skeleton` chooses openpose137 or openpose35 where videos have both; by default the fuller one that all have.

    Raises:
        BadInput: a file is damaged; the message names file, row and column.
    """
    root = path if path.is_dir() else path.parent
    tables = sorted(root.rglob("labels*.csv")) if path.is_dir() else [path]
    sheets = _read_tables(tables)
    for classes in sorted(root.rglob("*.csv")):
        _check_class_map(classes)
    folders = _video_folders(path) if path.is_dir() else {}
    skeleton = reading.skeleton or _skeleton_of_all(list(folders.values()))
    if skeleton not in (_FULL, _LIGHT):
        raise BadInput(f"iMiGUE has skeletons {_FULL} and {_LIGHT}, not {skeleton}.")
    names = sorted(folders.keys() | sheets.keys())
    recordings = (_read(name, folders.get(name), sheets.get(name, _Sheet()), skeleton, reading) for name in names)
    parts = {name: part for name, folder in folders.items() if (part := _part(folder, root))}
    protocols = (Protocol("miga", parts), Protocol("miga_emotion", parts, "video")) if parts else ()
    people = IMIGUE_PEOPLE if any(sheet.subject for sheet in sheets.values()) else {}
    notes = [
        f"Frame rate ({reading.fps or _FPS}) and picture size are not in the files but as the data set's paper has them."
    ]
    return Collection(recordings, protocols=protocols, people=people, notes=notes)


def _video_folders(root: Path) -> dict[str, Path]:
    """NNNN -> its folder; folders of pictures or videos alone are passed over."""
    folders: dict[str, Path] = {}
    for folder in sorted(p for p in (root, *root.rglob("*")) if p.is_dir() and re.fullmatch(r"\d{4}", p.name)):
        if not any(_files(folder)):
            continue
        if folder.name in folders:
            raise BadInput(f"Video {folder.name} is there twice: {folders[folder.name]} and {folder}. Take one away.")
        folders[folder.name] = folder
    return folders


def _files(folder: Path) -> tuple[Path | None, Path | None, Path | None]:
    """The labels, the full and the light skeleton of a video."""

    def first(*endings: str) -> Path | None:
        return next((p for ending in endings if (p := folder / f"{folder.name}{ending}").exists()), None)

    return (
        first("_label.csv"),
        first("_openpose.xlsx", "_openpose.csv", "_2.xlsx", "_2.csv"),
        first("_light_hand.csv", "_light_hand.xlsx"),
    )


def _skeleton_of_all(folders: list[Path]) -> str:
    files = [_files(folder) for folder in folders]
    with_poses = [(full, light) for _, full, light in files if full or light]
    return _FULL if all(full for full, _ in with_poses) else _LIGHT


def _part(folder: Path, root: Path) -> str | None:
    for above in reversed(folder.relative_to(root).parts):
        if match := re.search(r"train|val|test", above.lower()):
            return match[0]
    return None


def _read(name: str, folder: Path | None, sheet: _Sheet, skeleton: str, reading: Reading) -> Recording:
    labels, full, light = _files(folder) if folder else (None, None, None)
    fps = reading.fps or _FPS
    spans = list(_spans(labels)) if labels else sheet.spans
    file = full if skeleton == _FULL else light
    points = _read_points(file, skeleton) if file else None
    n_frames = max((span.end for _, span in spans), default=0)
    if points is not None and len(points):
        # Labels may pass the last skeleton by up to a second; further is a wrong number.
        if not len(points) <= n_frames <= len(points) + round(fps):
            n_frames = len(points)
        points = np.concatenate([points, np.zeros((n_frames - len(points), *points.shape[1:]), np.float32)])
    for where, span in spans:
        frames_in(where, span.start, span.end, n_frames)
    return Recording(
        name=name,
        person=sheet.subject,
        fps=fps,
        n_frames=n_frames,
        poses=poses_of(name, skeleton, points[..., :2], points[..., 2], reading.unit or "pixel")
        if points is not None and len(points)
        else None,
        gestures=tuple(sorted((span for _, span in spans), key=lambda span: (span.start, span.end, span.label))),
        width=reading.width or _WIDTH,
        height=reading.height or _HEIGHT,
        outcome=sheet.outcome,
    )


def _read_points(path: Path, skeleton: str) -> npt.NDArray[np.float32]:
    """(frames, joints, 3); files of the light skeleton count their rows in a first column."""
    numbers = 137 * 3 if skeleton == _FULL else 35 * 3
    cells = read_numbers(path, (numbers, numbers + 1))
    return cells[:, cells.shape[1] - numbers :].reshape(len(cells), numbers // 3, 3)


def _spans(path: Path) -> Iterator[tuple[str, Span]]:
    for row, (number, start, end) in read_whole_numbers(path, ("class", "start", "end")):
        yield f"{path}, row {row}", _span(f"{path}, row {row}", number, start, end)


def _span(where: str, number: int, start: int, end: int) -> Span:
    """From their inclusive frames to ours, which end one later."""
    if number not in _LABEL_OF:
        raise BadInput(f"{where}, column class: {number} is none of iMiGUE's classes, 1 to 31 and 99.")
    return Span(start, end + 1, _LABEL_OF[number])


def _read_tables(paths: list[Path]) -> dict[str, _Sheet]:
    sheets: dict[str, _Sheet] = {}
    for path in paths:
        for row, cells in read_named_rows(path, _TABLE):
            where = f"{path}, row {row}"
            video = parse_whole(f"{where}, column video_id", cells["video_id"].split("_")[0])
            sheet = sheets.setdefault(f"{video:04d}", _Sheet())
            number, start, end = (parse_whole(f"{where}, column {name}", cells[name]) for name in _TABLE[1:])
            sheet.spans.append((where, _span(where, number, start, end)))
            _set_who_and_how(sheet, cells, where)
    return sheets


def _set_who_and_how(sheet: _Sheet, cells: Mapping[str, str], where: str) -> None:
    if text := cells.get("subject_id", "").strip():
        subject = pseudonym(parse_whole(f"{where}, column subject_id", text))
        if sheet.subject not in ("", subject):
            raise BadInput(
                f"{where}, column subject_id: the video's rows above have {sheet.subject}, this one {subject}."
            )
        sheet.subject = subject
    if text := cells.get("win_or_lose", "").strip().lower():
        if text not in ("win", "lose"):
            raise BadInput(f"{where}, column win_or_lose: {text!r} is neither Win nor Lose.")
        outcome: Outcome = "win" if text == "win" else "lose"
        if sheet.outcome not in ("unknown", outcome):
            raise BadInput(
                f"{where}, column win_or_lose: the video's rows above have {sheet.outcome}, this one {outcome}."
            )
        sheet.outcome = outcome


def _check_class_map(path: Path) -> None:
    """A class map of another numbering would give every gesture a wrong label."""
    with path.open("rb") as file:
        first = file.readline(200).decode("utf-8-sig", errors="replace").strip().lower().replace(" ", "")
    if first != "index,type":
        return
    for row, cells in read_named_rows(path, ()):
        where, (text, *_) = f"{path}, row {row}, column index", cells.values()
        if (number := parse_whole(where, text)) not in _LABEL_OF:
            raise BadInput(f"{where}: {number} is none of iMiGUE's classes, 1 to 31 and 99.")


def write_imigue(outgoing: Outgoing, out: Path) -> None:
    """Write a folder a video, and the full release's table and class map under `Label/`.

    Clips that don't come from iMiGUE are numbered in the order of their ids, and people whose pseudonym is no number likewise.

    Raises:
        BadInput: a class that iMiGUE doesn't have.
    """
    table: list[tuple[object, ...]] = []
    videos, people = _Numbers(), _Numbers()
    for recording in outgoing.recordings:
        known = int(recording.name) if re.fullmatch(r"\d{4}", recording.name) else None
        number = videos.of(recording.clip_id or recording.name, known)
        person = people.of(recording.person, person_number(recording.person)) if recording.person else ""
        name = f"{number:04d}"
        folder = out / name
        folder.mkdir()
        rows = [(_number_of(recording, span), span.start, span.end - 1) for span in recording.gestures]
        write_csv(folder / f"{name}_label.csv", rows)
        outcome = {"win": "Win", "lose": "Lose", "unknown": ""}[recording.outcome]
        for row in rows:
            seconds = [f"{float(frame / recording.fps):.3f}" for frame in row[1:]]
            table.append((number, person, *row, *seconds, outcome))
        if recording.poses is not None and not _write_points(recording.poses, folder, name):
            outgoing.notes.append(
                f"Clip {recording.name} has no poses there: iMiGUE has no place for {recording.poses.skeleton}."
            )
    (out / "Label").mkdir()
    columns = ("video_id", "subject_id", "class", "start_frame", "end_frame", "start_time", "end_time", "win_or_lose")
    write_csv(out / "Label" / "labels.csv", [columns, *table])
    write_csv(out / "Label" / "classes.csv", [("index", "type"), *((c.imigue_id, c.name) for c in CLASSES)])


class _Numbers:
    """Numbers for what has none, never one that something else has taken."""

    def __init__(self) -> None:
        self.given: dict[str, int] = {}

    def of(self, name: str, known: int | None) -> int:
        if name not in self.given:
            taken = set(self.given.values())
            free = (number for number in count(1) if number not in taken)
            self.given[name] = known if known is not None and known not in taken else next(free)
        return self.given[name]


def _number_of(recording: Recording, span: Span) -> int:
    try:
        return by_label(span.label).imigue_id
    except KeyError:
        raise BadInput(f"Clip {recording.name}: iMiGUE has no class {span.label}. Export to another format.") from None


def _write_points(poses: Poses, folder: Path, name: str) -> bool:
    if poses.dims != 2 or poses.skeleton not in (_FULL, _LIGHT):
        return False
    points = np.where(poses.confidence[..., None] > 0, poses.keypoints, 0)
    if poses.skeleton == _FULL:
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet()
        for row in points.reshape(len(points), -1).tolist():
            sheet.append(row)
        book.save(folder / f"{name}_openpose.xlsx")
        points = points[:, LIGHT_COLUMNS]
    rows = points.reshape(len(points), -1).tolist()
    write_csv(folder / f"{name}_light_hand.csv", ((index, *row) for index, row in enumerate(rows)))
    return True
