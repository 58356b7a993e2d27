"""Which recordings show the same: re-uploads, other resolutions, crops, excerpts. They are linked, and one is kept.

Stage: a recording in, its curves (`collector.movement`) in a file of `movement/` out. Then all of them are compared, and the
links written to the table `duplicates`. Nothing is deleted: a recording that gives way gives no new clips, and clips that it
gave before are not kept (`collector.selection`).

A copy gives way to the largest picture, then to the longest, then to the earliest upload, then to the smaller id. An excerpt
gives way to the longer recording, whatever its size. Where neither shows nearly all of the other (two compilations), both are
kept, and the one that would have given way loses the clips that the other has too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from collector.engine import Retry, StageReport, run_stage
from collector.movement import RATE, VERSION, Floats, changes, hash_moments, read_curves
from collector.selection import select_clips
from collector.shared import Moments, Run, find_candidates, shared_runs
from manifests.errors import BadInput, ItemFailed
from manifests.ids import digest
from manifests.parquet import replacing
from manifests.provenance import made_by
from manifests.tables import TABLES, Row, from_rows, rows_of
from manifests.workspace import Workspace

__all__ = ["DuplicatesReport", "Link", "ReadMovement", "choose", "compare", "duplicates", "kept_instead"]

_NEARLY_ALL = 0.9  # of a recording shown by another: it is a copy or an excerpt
_STEPS = 128  # in a file: a grey level is so many
_IN_MEMORY = 256  # recordings whose curves are held at once, 0.1 MB each for seven minutes


@dataclass(frozen=True)
class ReadMovement:
    """Stage: a recording in, a file of its curves out; no rows.

    Attributes:
        root: the dataset's folder.
    """

    root: str
    name: str = "duplicates"
    table: str = "duplicates"

    def key(self, item: Row) -> str:
        """The video's id."""
        return str(item["video_id"])

    def fingerprint(self, item: Row) -> str:
        """Of the recording."""
        return digest(item["sha256"], VERSION)

    def setup(self) -> None:
        """Nothing to load."""

    def process(self, item: Row) -> Iterator[Row]:
        """Decode a recording once.

        Raises:
            ItemFailed: the file is gone, or can't be decoded.
        """
        source = Path(self.root, item["path"])
        if not source.is_file():
            raise ItemFailed(f"{item['path']}: the file is gone. Fetch it again (mgcollect fetch).", kind="missing")
        steps = np.round(read_curves(source) * _STEPS).astype(np.int16)
        with replacing(_file(Path(self.root), item["video_id"])) as temporary:
            np.save(temporary, steps, allow_pickle=False)
        yield from ()


@dataclass(frozen=True)
class Link:
    """Two recordings that show the same for a while.

    Attributes:
        one, other: their video ids.
        runs: stretches of `one` that `other` shows, in samples.
        share, other_share: how much of each that is, 0 to 1.
    """

    one: str
    other: str
    runs: tuple[Run, ...]
    share: float
    other_share: float

    @property
    def kind(self) -> str:
        """copy, excerpt or overlap."""
        nearly = [share >= _NEARLY_ALL for share in (self.share, self.other_share)]
        return "copy" if all(nearly) else "excerpt" if any(nearly) else "overlap"

    def turned(self) -> Link:
        """The same, told from the other recording."""
        runs = tuple(Run(r.start + r.offset, r.end + r.offset, -r.offset, r.agreement) for r in self.runs)
        return Link(self.other, self.one, runs, self.other_share, self.share)


@dataclass(frozen=True)
class DuplicatesReport:
    """What was found.

    Attributes:
        stage: in = ok + failed + skipped, of the recordings.
        links: pairs of recordings of each kind.
        give_way: recordings that are shown by another one, which is kept.
        clips: clips that are not kept for that reason, or for others that `collector.selection` knows.
    """

    stage: StageReport
    links: Mapping[str, int]
    give_way: int
    clips: int

    @property
    def exit_code(self) -> int:
        return self.stage.exit_code


def duplicates(
    workspace: Workspace,
    *,
    retry: Retry | None = None,
    engine: str = "local",
    workers: int = 1,
    quiet: bool = False,
) -> DuplicatesReport:
    """Find the recordings that show the same; write the duplicates table, and keep no clip twice.

    Raises:
        Unavailable: another process does the same, or ffmpeg is missing.
        CannotWrite: the folder is read-only or its disk full.
    """
    videos = list(rows_of(workspace.read("videos")))
    for video in videos:  # a table from elsewhere must not make us read or write outside the dataset
        workspace.path_of(video["path"])
        workspace.path_of(f"movement/{video['video_id']}.npy")
    stage = ReadMovement(str(workspace.root))
    _retire_lost(workspace)
    report = run_stage(stage, videos, workspace, engine=engine, workers=workers, retry=retry, quiet=quiet)
    with workspace.working(stage.name):
        done = {key for key, entry in workspace.ledger.entries(stage.name).items() if entry.state == "ok"}
        _remove_stale(workspace.root, done)
        compared = {video["video_id"]: video for video in videos if video["video_id"] in done}
        links = list(compare(partial(_curves, workspace.root), sorted(compared), quiet=quiet))
        rows = _rows(compared, links)
        workspace.write("duplicates", from_rows(TABLES["duplicates"], rows + _remembered(workspace)))
    return DuplicatesReport(
        report,
        Counter(link.kind for link in links),
        len({row["video_id"] for row in rows if row["kept_video_id"]}),
        select_clips(workspace),
    )


def choose(videos: Mapping[str, Row], links: Sequence[Link]) -> dict[str, str]:
    """Which recordings give way, and to which one that is kept.

    Copies of copies are one group, of which the best is kept. A group whose recordings are excerpts of those of a group with
    a longer recording gives way to that one, or to whom that one gives way.
    """
    group = {video: video for video in videos}

    def root(video: str) -> str:
        while group[video] != video:
            video = group[video]
        return video

    for link in links:
        if link.kind == "copy":
            group[root(link.one)] = root(link.other)
    members: dict[str, list[str]] = {}
    for video in videos:
        members.setdefault(root(video), []).append(video)
    best = {name: min(those, key=lambda video: _rank(videos[video])) for name, those in members.items()}
    longest = {name: max(videos[video]["duration_s"] for video in those) for name, those in members.items()}
    order = {name: place for place, name in enumerate(sorted(members, key=lambda name: (-longest[name], best[name])))}
    within: dict[str, set[str]] = {}
    for link in links:
        if link.kind == "excerpt":
            inner, outer = (link.one, link.other) if link.share > link.other_share else (link.other, link.one)
            within.setdefault(root(inner), set()).add(root(outer))
    kept: dict[str, str] = {}
    for name in order:  # from the longest, so that who is asked has been decided, and nobody gives way in a circle
        outer_groups = [outer for outer in within.get(name, ()) if order[outer] < order[name]]
        kept[name] = kept[min(outer_groups, key=order.__getitem__)] if outer_groups else best[name]
    return {video: kept[root(video)] for video in videos if kept[root(video)] != video}


def kept_instead(workspace: Workspace) -> dict[str, str]:
    """video_id of each recording that gives way -> the one that is kept in its place."""
    rows = rows_of(workspace.read("duplicates"))
    return {row["video_id"]: row["kept_video_id"] for row in rows if row["kept_video_id"]}


def _rank(video: Row) -> tuple[int, float, date, str]:
    """Smaller is better: largest picture, longest, earliest, id."""
    return (
        -video["width"] * video["height"],
        -video["duration_s"],
        video["upload_date"] or date.max,
        video["video_id"],
    )


def compare(curves: Callable[[str], Floats], videos: Sequence[str], *, quiet: bool = True) -> Iterator[Link]:
    """Compare all recordings with each other.

    In memory are all their moments (0.01 MB for seven minutes), and the curves of some.

    Args:
        curves: gives the curves of a recording, as `collector.movement.read_curves` does.
        videos: their ids.
    """

    @lru_cache(maxsize=_IN_MEMORY)
    def moved(index: int) -> Floats:
        return changes(curves(videos[index]))

    parts = [hash_moments(curves(video)) for video in videos]
    if not parts:
        return
    moments = Moments(
        np.repeat(np.arange(len(parts), dtype=np.int32), [len(at) for at, _ in parts]),
        np.concatenate([at for at, _ in parts]),
        np.concatenate([hashes for _, hashes in parts]),
    )
    with tqdm(total=len(videos), desc="compare", unit="video", disable=quiet or None) as bar:
        for one, other, offsets in find_candidates(moments):
            bar.update(one - bar.n)
            if runs := shared_runs(moved(one), moved(other), offsets):
                shown = sum(run.end - run.start for run in runs)
                lengths = [len(moved(index)) for index in (one, other)]
                yield Link(videos[one], videos[other], tuple(runs), *(min(1.0, shown / length) for length in lengths))
        bar.update(len(videos) - bar.n)


def _rows(videos: Mapping[str, Row], links: Sequence[Link]) -> list[Row]:
    """A row for every stretch of the recording that gives way."""
    kept = choose(videos, links)
    made = made_by()
    rows = []
    for link in links:
        if not _gives_way(videos, kept, link):
            link = link.turned()
        rows += [
            {
                "video_id": link.one,
                "start_s": run.start / RATE,
                "end_s": run.end / RATE,
                "other_video_id": link.other,
                "other_start_s": (run.start + run.offset) / RATE,
                "kind": link.kind,
                "share": link.share,
                "other_share": link.other_share,
                "agreement": run.agreement,
                "kept_video_id": kept.get(link.one),
                "made_by": made,
            }
            for run in link.runs
        ]
    return rows


def _gives_way(videos: Mapping[str, Row], kept: Mapping[str, str], link: Link) -> bool:
    """Whether the one of a link gives way to the other, and not the other way round."""
    if (link.one in kept) != (link.other in kept):
        return link.one in kept
    if link.kind == "excerpt":
        return link.share > link.other_share
    return _rank(videos[link.one]) > _rank(videos[link.other])


def _remembered(workspace: Workspace) -> list[Row]:
    """Links of recordings that opted out: what shows the same stays out of sight with them."""
    gone = workspace.opted_out().videos
    known = rows_of(workspace.read("duplicates", everything=True))
    return [row for row in known if {row["video_id"], row["other_video_id"]} & gone]


def _file(root: Path, video: str) -> Path:
    return root / "movement" / f"{video}.npy"


def _curves(root: Path, video: str) -> Floats:
    path = _file(root, video)
    try:
        steps = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise BadInput(f"{path} is damaged ({error}). Delete it, and run `mgcollect duplicates` again.") from error
    return np.asarray(steps, np.float32) / np.float32(_STEPS)


def _retire_lost(workspace: Workspace) -> None:
    """Have those done again whose file is no longer there."""
    with workspace.working(ReadMovement.name):
        entries = workspace.ledger.entries(ReadMovement.name)
        lost = [
            key for key, entry in entries.items() if entry.state == "ok" and not _file(workspace.root, key).exists()
        ]
        workspace.ledger.retire(ReadMovement.name, lost)


def _remove_stale(root: Path, done: set[str]) -> None:
    """Remove the curves of recordings that are gone, and what a killed run left half-written."""
    for path in (root / "movement").glob("*"):
        if path.stem not in done:
            with suppress(FileNotFoundError):
                path.unlink()
