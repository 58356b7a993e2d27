"""What makes a score on a release worth nothing: the same footage or people on both sides, parts of one class, names that tell."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import KDTree

from manifests.release import Release
from manifests.tables import Row

__all__ = ["absent_classes", "label_leaks", "one_outcome", "same_footage"]

_Found = Iterator[tuple[str, tuple[str, ...]]]
_STEPS = 8  # points in time at which two gestures are compared
_NEAR = 0.01  # of the size of the pose, on average over joints and time: twice the same footage, not the same gesture
_PLAIN = 3  # letters of a label that may stand in an address by chance


def same_footage(release: Release) -> _Found:
    """Videos, clips and gestures in different parts that are the same: by their sha256, and by their poses."""
    videos = _frame(release, "videos", ["video_id", "sha256"]).set_index("video_id")["sha256"]
    clips = _frame(release, "clips", ["clip_id", "video_id", "sha256"]).set_index("clip_id")
    gestures = _frame(release, "gestures", ["gesture_id", "clip_id", "video_id"])
    shapes = _Shapes(release)
    for protocol, part_of in _parts(release, gestures):
        some = gestures[gestures["gesture_id"].isin(part_of)]
        parts = some["gesture_id"].map(part_of)
        for what, key, sums in (
            ("videos", some["video_id"], some["video_id"].map(videos)),
            ("clips", some["clip_id"], some["clip_id"].map(clips["sha256"])),
        ):
            known = pd.DataFrame({"key": key, "sum": sums, "part": parts})
            known = known[known["sum"].notna() & (known["sum"] != "")]
            shared = known.groupby("sum")["part"].nunique()
            twice = known[known["sum"].isin(shared.index[shared > 1])]
            if len(twice):
                yield f"{what} of {protocol} whose bytes are in more than one part", tuple(sorted(set(twice["key"])))
        if near := shapes.near(part_of):
            yield f"gestures of {protocol} whose poses are those of a gesture in another part", near


def one_outcome(release: Release) -> _Found:
    """Parts of a split of videos whose videos all won, or all lost: any score on them is the share of one guess."""
    outcomes = _frame(release, "videos", ["video_id", "outcome"]).set_index("video_id")["outcome"]
    splits = _frame(release, "splits")
    for (protocol, draw), rows in splits[splits["unit"] == "video"].groupby(["protocol", "draw"]):
        known = rows.assign(outcome=rows["item_id"].map(outcomes))
        known = known[known["outcome"].isin(["win", "lose"])]
        if known["outcome"].nunique() < 2:
            continue
        for part, videos in known.groupby("part"):
            if videos["outcome"].nunique() == 1:
                only = videos["outcome"].iloc[0]
                yield f"part {part} of {protocol} (draw {draw}) has one class, {only}", tuple(sorted(videos["item_id"]))


def absent_classes(release: Release) -> _Found:
    """Classes that a part lacks though another has them: what train lacks can't be learnt, what test lacks isn't tested."""
    labels = _frame(release, "gestures", ["gesture_id", "label"]).set_index("gesture_id")["label"]
    splits = _frame(release, "splits")
    for protocol, rows in splits[(splits["unit"] == "gesture") & (splits["draw"] == 0)].groupby("protocol"):
        known = rows.assign(label=rows["item_id"].map(labels))
        everywhere = set(known["label"].dropna())
        for part, some in known.groupby("part"):
            if lost := sorted(everywhere - set(some["label"])):
                yield f"classes that part {part} of {protocol} lacks", tuple(lost)


def label_leaks(release: Release) -> _Found:
    """Addresses, names and paths that hold the label of a gesture, or the outcome, which a model then reads off."""
    labels = _frame(release, "gestures", ["video_id", "label"]).drop_duplicates().groupby("video_id")["label"].agg(set)
    found: dict[str, set[str]] = defaultdict(set)
    for row in release.table("videos").to_pylist():
        for told in _told(row, labels.get(row["video_id"], set())):
            found[told].add(row["video_id"])
    for told, videos in sorted(found.items()):
        yield f"videos whose {told}", tuple(sorted(videos))
    titles = {row["video_id"] for row in release.table("videos").to_pylist() if row["title"] or row["path"]}
    if titles:
        yield "videos with a title or a path, which may name people", tuple(sorted(titles))


def _told(row: Row, labels: set[str]) -> Iterator[str]:
    for column in ("source_url", "platform_id"):
        words = " " + " ".join(re.findall(r"[a-z]+|[0-9]+", (row[column] or "").lower())) + " "
        for label in labels:
            if len(label) > _PLAIN and f" {label.replace('_', ' ').lower()} " in words:
                yield f"{column} holds their label {label}"
        if row["outcome"] in ("win", "lose") and f" {row['outcome']} " in words:
            yield f"{column} holds their outcome"


def _parts(release: Release, gestures: pd.DataFrame) -> Iterator[tuple[str, dict[str, str]]]:
    """Each protocol with gesture_id -> part; the gestures of a video, or clip, are where it is."""
    splits = _frame(release, "splits", ["protocol", "draw", "unit", "item_id", "part"])
    seen = []
    for (protocol, _), rows in splits.groupby(["protocol", "draw"]):
        part_of = dict(zip(rows["item_id"], rows["part"], strict=True))
        own = {
            gesture: part
            for gesture, clip, video in gestures.itertuples(index=False)
            if (part := part_of.get(gesture) or part_of.get(clip) or part_of.get(video))
        }
        if (protocol, own) not in seen:  # draws differ in which labels are kept, most of them not in people
            seen.append((protocol, own))
            yield str(protocol), own


class _Shapes:
    """The poses of every gesture, without place and size, at `_STEPS` points in time: near ones show the same footage."""

    def __init__(self, release: Release) -> None:
        self._by_skeleton: dict[str, tuple[list[str], list[npt.NDArray[np.float32]]]] = defaultdict(lambda: ([], []))
        rows = _frame(release, "gestures", ["gesture_id", "clip_id", "start", "end"]).sort_values(["clip_id", "start"])
        for gesture, clip, start, end in rows.itertuples(index=False):
            try:
                poses = release.window(clip, int(start), int(end))
            except (KeyError, ValueError):
                continue  # without poses, or outside the clip, which other checks name
            if (shape := _shape(poses.positions, poses.confidence)) is not None:
                ids, shapes = self._by_skeleton[f"{poses.skeleton} {poses.unit}"]
                ids.append(gesture)
                shapes.append(shape)

    def near(self, part_of: dict[str, str]) -> tuple[str, ...]:
        """Gestures that are near one of another part."""
        found: set[str] = set()
        for one, other in self._pairs:
            if one in part_of and other in part_of and part_of[one] != part_of[other]:
                found |= {one, other}
        return tuple(sorted(found))

    @cached_property
    def _pairs(self) -> list[tuple[str, str]]:
        """All gestures that are near each other, whichever parts they are in: protocols differ in those alone."""
        return [
            (ids[a], ids[b])
            for ids, shapes in self._by_skeleton.values()
            for a, b in KDTree(np.stack(shapes)).query_pairs(_NEAR)
        ]


def _shape(positions: npt.NDArray[np.float32], confidence: npt.NDArray[np.float32]) -> npt.NDArray[np.float32] | None:
    """(frames, joints, dims) to a vector whose distances are root mean squares, in sizes of the pose; None if hardly seen.

    Joints that are not seen stand in the middle. The vector is short: coordinates are summed up by a fixed random projection,
    which keeps distances to a few per cent (Johnson and Lindenstrauss, 1984), for a tree over thousands of numbers is slow.
    """
    steps = np.linspace(0, len(positions) - 1, _STEPS).round().astype(int)
    points, seen = positions[steps].astype(np.float64), confidence[steps] > 0
    if seen.mean() < 0.5 or len(positions) < _STEPS:
        return None
    middle = points[seen].mean(axis=0)
    size = np.sqrt(((points[seen] - middle) ** 2).sum(axis=1).mean())
    if not size > 0:
        return None
    flat = np.where(seen[..., None], (points - middle) / size, 0).reshape(-1)
    return np.asarray(flat @ _projection(len(flat)) / np.sqrt(seen.size), dtype=np.float32)


@cache
def _projection(size: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng(0).standard_normal((size, 64)) / 8


def _frame(release: Release, name: str, columns: list[str] | None = None) -> pd.DataFrame:
    frame: pd.DataFrame = release.table(name, columns).to_pandas()
    return frame
