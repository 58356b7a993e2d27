"""Clips whose gestures are known: `gold.csv` in the dataset's folder.

A row is a gesture: clip_id, start, end, label; frames are 0-based, the end is the frame after the last. A clip without a
gesture has one row with only its clip_id. Annotators don't see which tasks these are.
"""

from __future__ import annotations

from collections import defaultdict

from annotate.opinions import Segment
from manifests.sheets import bad_rows, read_sheet, shown_cell
from manifests.taxonomy import LABELS
from manifests.workspace import Workspace

__all__ = ["GOLD_FILE", "read_gold"]

GOLD_FILE = "gold.csv"
_COLUMNS = ("clip_id", "start", "end", "label")


def read_gold(workspace: Workspace) -> dict[str, tuple[Segment, ...]]:
    """The known gestures by clip, in order of time; none where the dataset has no `gold.csv`.

    Raises:
        BadInput: the file has wrong rows; the message names them all.
    """
    path = workspace.root / GOLD_FILE
    if not path.exists():
        return {}
    seen = set(workspace.read("clips")["clip_id"].to_pylist())
    clips = workspace.read("clips", everything=True)
    n_frames = dict(zip(clips["clip_id"].to_pylist(), clips["n_frames"].to_pylist(), strict=True))
    sheet = read_sheet(path, _COLUMNS, _COLUMNS)
    found: dict[str, list[Segment]] = defaultdict(list)
    wrong = []
    for row in sheet.rows:
        cells = sheet.named(row)
        of_clip = found[cells["clip_id"]]
        problem = _problem(cells, n_frames)
        if problem:
            wrong.append((row.number, problem))
        elif cells["label"]:
            of_clip.append(Segment(int(cells["start"]), int(cells["end"]), cells["label"]))
    if wrong:
        raise bad_rows(path, wrong, nothing="nothing was measured or sent")
    # A clip whose person opted out may still stand in the file; it is known to nobody any more.
    return {
        clip: tuple(sorted(of_clip, key=lambda s: (s.start, s.end, s.label)))
        for clip, of_clip in found.items()
        if clip in seen
    }


def _problem(cells: dict[str, str], n_frames: dict[str, int]) -> str:
    """What is wrong with a row, or nothing."""
    clip, start, end, label = (cells[name] for name in _COLUMNS)
    if clip not in n_frames:
        return f'column clip_id: the dataset has no clip "{shown_cell(clip)}".'
    if not (start or end or label):
        return ""
    if label not in LABELS:
        return f'column label: "{shown_cell(label)}" is none of the 32 classes.'
    if not (start.isascii() and start.isdigit() and end.isascii() and end.isdigit()):
        return "start and end are whole frame numbers, counted from 0."
    if not int(start) < int(end) <= n_frames[clip]:
        return f"frames [{start}, {end}) don't lie in a clip of {n_frames[clip]}."
    return ""
