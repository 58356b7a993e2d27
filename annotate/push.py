"""Clips and proposals into Label Studio: one project, one task a clip or a window of it, the proposals as predictions.

Run again it adds what is new. What stands on the server is looked up first, so a push that was killed, or whose server went
away, is finished by the next one and doubles nothing. A task that somebody has worked on is left as it is.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from annotate.crowd_design import CrowdDesign, clips_of_crowd, kept_clips, read_design, write_design
from annotate.films import FilmStore, Showing, film_store
from annotate.label_studio import check_proposals, prediction
from annotate.project import DEFAULT_TITLE, ensure_project, task_data
from annotate.sending import PushReport, Sending
from annotate.server import Server, connected
from annotate.stretches import Stretch
from collector.windows import cut_windows
from manifests.errors import BadInput
from manifests.tables import Row, rows_of
from manifests.workspace import Workspace

__all__ = ["PushReport", "predictions_in", "push", "shown_data", "windows_of"]

Proposals = dict[str, list[Row]]  # of one stretch, by model_version


def push(
    workspace: Workspace,
    *,
    project: str = DEFAULT_TITLE,
    design: CrowdDesign | None = None,
    server: Server | None = None,
    quiet: bool = False,
) -> PushReport:
    """Bring the Label Studio project up to date with the dataset's kept clips and their proposals.

    Args:
        project: its title; it is made if there is none.
        design: how many people see a clip, in windows of what length, and which clips are shown without proposals; as in
            the last push unless given.
        server: the environment's unless given.

    Raises:
        BadInput: there is no kept clip, a proposal doesn't fit its clip, two projects have the title, or the clips lie outside
            the folder that the server serves.
        Unavailable: the server can't be reached, refuses us, or stored something else than was sent.
    """
    started = time.monotonic()
    design = design or read_design(workspace)
    store = film_store(design.films)
    kept, clips = kept_clips(workspace), clips_of_crowd(workspace, design)
    if not clips:
        raise BadInput(f"{workspace.root} has no kept clip yet. Run `mgcollect segment` first.")
    proposals, versions = _proposals(workspace, clips)
    cut = cut_windows(workspace, length_s=design.window_s, overlap_s=design.overlap_s, quiet=quiet)
    windows = windows_of(workspace, clips)
    predictions = {
        key: predictions_in(one, proposals.get(one.clip_id, {}), clips[one.clip_id]["n_frames"])
        for key, (one, _) in windows.items()
    }  # all are checked before the first is sent
    without = {key for key, (one, _) in windows.items() if not design.shows_proposals(one.clip_id)}
    with workspace.working("annotate-push"), connected(server) as there:
        made, is_new = ensure_project(there, project, design.per_task)
        report = PushReport(project, made.id, f"{there.url}/projects/{made.id}", is_new, len(clips), len(windows))
        report.failures = cut.failures
        data = shown_data(Showing(there, made.id, workspace.root, quiet), store, windows, clips)
        shown = {key: of_window for key, of_window in predictions.items() if key not in without}
        # Before a task stands there: whoever reads annotations must know what was shown.
        write_design(workspace, replace(design, page=report.url))
        Sending(there, report, shown, versions, set(kept), quiet).run(data)
        report.without_proposals = len(without)
    report.seconds = time.monotonic() - started
    return report


def _proposals(workspace: Workspace, clips: dict[str, Row]) -> tuple[dict[str, Proposals], set[str]]:
    """Proposals of the kept clips, by clip and model_version, and every version that ever proposed something."""
    found: dict[str, Proposals] = defaultdict(lambda: defaultdict(list))
    versions = set()
    for row in rows_of(workspace.read("proposals")):
        versions.add(row["model_version"])
        if row["clip_id"] in clips:
            found[row["clip_id"]][row["model_version"]].append(row)
    return found, versions


def windows_of(workspace: Workspace, clips: dict[str, Row]) -> dict[str, tuple[Stretch, Path]]:
    """What the tasks show, by key, and the films of it."""
    found = {}
    for row in rows_of(workspace.read("windows")):
        if (clip := clips.get(row["clip_id"])) is not None:
            one = Stretch.of(row["clip_id"], row["start"], row["end"], clip["n_frames"])
            found[one.key] = one, workspace.path_of(row["path"])
    return found


def predictions_in(one: Stretch, proposals: Proposals, n_frames: int) -> dict[str, Any]:
    """What is proposed in a window, by model_version; a model that proposes nothing in it is left out.

    Args:
        proposals: of the window's clip, by model_version; frames are the clip's.
        n_frames: of the clip.

    Raises:
        BadInput: a proposal doesn't fit the clip.
    """
    found = {}
    for version, rows in proposals.items():
        check_proposals(rows, n_frames)
        seen = [(row, one.inside(row["start"], row["end"])) for row in rows]
        if inside := [row | {"start": at[0], "end": at[1]} for row, at in seen if at]:
            found[version] = prediction(inside, one.end - one.start)
    return found


def shown_data(
    showing: Showing, store: FilmStore, windows: Mapping[str, tuple[Stretch, Path]], clips: Mapping[str, Row]
) -> dict[str, Row]:
    """The data of the tasks that show these windows, by key; the project is let see their films.

    Args:
        store: where Label Studio gets the films from.

    Raises:
        BadInput: a film is gone, or is not where Label Studio looks for it.
        Unavailable: the store or the server fails us.
    """
    for _, path in windows.values():
        if not path.is_file():
            raise BadInput(f"{path}: the clip's file is gone. Run `mgcollect segment` again.")
    paths = [path.relative_to(showing.dataset) for _, path in windows.values()]
    address = store.open(showing, paths)
    data = {}
    for (key, (one, _)), path in zip(windows.items(), paths, strict=True):
        clip = clips[one.clip_id]
        data[key] = task_data(one, address(path), float(Fraction(clip["fps_num"], clip["fps_den"])))
    return data
