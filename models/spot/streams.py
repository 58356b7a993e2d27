"""Streams to learn spotting from: whole clips' poses, and the gestures that people agreed on in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from manifests.errors import BadInput
from manifests.release import INFO, open_release
from manifests.splits import CROSS_SUBJECT
from manifests.taxonomy import LABELS
from manifests.workspace import open_workspace
from models.prepare import prepare
from models.store import PoseStore

__all__ = ["Streams", "judged_clips", "read_streams"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Streams:
    """Clips whose every gesture is known.

    Attributes:
        store: one item a clip.
        items: (clips,) the items that people judged; the store may hold more.
        fps: (store's items,) frames a second.
        owner: (gestures,) the item that each lies in.
        span: (gestures, 2) half-open frames of the clip.
        label: (gestures,) class.
        classes: what the classes are called.
    """

    store: PoseStore
    items: Ints
    fps: Floats
    owner: Ints
    span: Ints
    label: Ints
    classes: tuple[str, ...]

    def of(self, item: int) -> tuple[Ints, Ints]:
        """Spans and labels of one clip's gestures, in order of time."""
        mine = np.flatnonzero(self.owner == item)
        mine = mine[np.argsort(self.span[mine, 0], kind="stable")]
        return self.span[mine], self.label[mine]

    def where(self, *parts: str) -> Ints:
        """The judged items of these parts of the split."""
        return self.items[np.isin(self.store.parts[self.items], parts)]


def judged_clips(annotations: pa.Table, gestures: pa.Table) -> set[str]:
    """Clips whose gestures are all known: somebody judged them usable, or a gesture was agreed on in them."""
    said = zip(annotations["clip_id"].to_pylist(), annotations["verdict"].to_pylist(), strict=True)
    return {clip for clip, verdict in said if verdict != "unusable"} | set(gestures["clip_id"].to_pylist())


def read_streams(source: Path | str, out: Path | str) -> Streams:
    """The streams of a release or a dataset; their poses are prepared in the folder `out`.

    A clip belongs to the part (train, val, test) that its person has in the cross-subject split. Without a split all is "train".

    Raises:
        BadInput: it is neither, nobody agreed on a gesture in it, or as `models.prepare.prepare`.
    """
    source = Path(source)
    if (source / INFO).exists():
        release = open_release(source)
        return _streams(release.table, release.labels, prepare(source, out))
    with open_workspace(source) as workspace:
        return _streams(workspace.read, LABELS, prepare(source, out))


def _streams(table: Callable[[str], pa.Table], labels: tuple[str, ...], store: PoseStore) -> Streams:
    gestures, clips = table("gestures"), table("clips").select(["clip_id", "fps_num", "fps_den"]).to_pylist()
    place = {str(name): item for item, name in enumerate(store.names)}
    judged = judged_clips(table("annotations"), gestures) & place.keys()
    rows = [row for row in gestures.to_pylist() if row["clip_id"] in judged]
    if not rows:
        raise BadInput("There are no agreed gestures yet. Annotate, then run `mgcollect annotate consensus`.")
    known = set(labels)
    if unknown := {row["label"] for row in rows} - known:
        raise BadInput(f"Table gestures: {min(unknown)!r} is none of the {len(labels)} classes.")
    rates = {row["clip_id"]: row["fps_num"] / row["fps_den"] for row in clips}
    return Streams(
        store=_with_parts(store, table("splits")),
        items=np.array(sorted(place[clip] for clip in judged), dtype=np.int64),
        fps=np.array([rates[str(name)] for name in store.names]),
        owner=np.array([place[row["clip_id"]] for row in rows], dtype=np.int64),
        span=np.array([(row["start"], row["end"]) for row in rows], dtype=np.int64),
        label=np.array([labels.index(row["label"]) for row in rows], dtype=np.int64),
        classes=labels,
    )


def _with_parts(store: PoseStore, splits: pa.Table) -> PoseStore:
    parts = {
        row["player_id"]: row["part"]
        for row in splits.select(["protocol", "player_id", "part"]).to_pylist()
        if row["protocol"] == CROSS_SUBJECT
    }
    found = [parts.get(str(person), "" if parts else "train") for person in store.people]
    return replace(store, parts=np.array(found, dtype=np.str_))
