"""From what people have (a release, a dataset, a pyskl pickle) to a prepared store of poses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from manifests.errors import BadInput
from manifests.importers.pyskl import PysklClip, load_pyskl
from manifests.poses import Poses, read_poses
from manifests.release import INFO, open_release
from manifests.tables import Row
from manifests.taxonomy import LABELS
from manifests.workspace import open_workspace
from models.store import Item, PoseStore, Recording, write_store

__all__ = ["prepare", "prepare_pyskl"]


def prepare_pyskl(
    path: Path | str, out: Path | str, skeleton_name: str, *, y_down: bool | None = None, in_body_frame: bool = False
) -> PoseStore:
    """Prepare a pickle in pyskl's format; of a clip with several people, the one seen best is kept.

    Args:
        skeleton_name: the joint set of the pickle's columns.
        y_down: whether y grows downwards; None means yes for two dimensions (pictures) and no for three.
        in_body_frame: the positions already have their origin between the shoulders and about a shoulder width as unit.

    Raises:
        FileNotFoundError, BadInput: as `load_pyskl` and `write_store`.
    """
    content = load_pyskl(path)
    parts = {name: part for part, names in content.split.items() for name in names}
    if y_down is None:
        y_down = content.clips[0].positions.shape[-1] == 2
    recordings = (_recording(clip, parts.get(clip.name, "")) for clip in content.clips)
    return write_store(
        recordings, out, skeleton_name, classes=content.classes, y_down=y_down, in_body_frame=in_body_frame
    )


def _recording(clip: PysklClip, part: str) -> Recording:
    person = clip.best_person
    item = Item(clip.name, 0, clip.positions.shape[1], clip.label, part)
    return Recording(clip.positions[person], clip.confidence[person], clip.person, (item,))


def prepare(source: Path | str, out: Path | str, *, gestures: bool = False, protocol: str | None = None) -> PoseStore:
    """Prepare the poses of a release, a dataset or a pyskl pickle.

    Args:
        source: the folder of a release or of a dataset.
        gestures: one item per agreed gesture, with its label; otherwise one item per clip, without.
        protocol: take parts (train, val, test) from this protocol of the splits table, its first draw.

    Raises:
        BadInput: it is neither, there are no poses or no gestures in it, or the clips' skeletons differ.
    """
    source = Path(source)
    if (source / INFO).exists():
        release = open_release(source)
        return _prepare_tables(release.table, release.poses, out, gestures=gestures, protocol=protocol)
    with open_workspace(source) as workspace:
        return _prepare_tables(
            workspace.read,
            lambda clip_id: read_poses(workspace.table_path("poses", clip_id)),
            out,
            gestures=gestures,
            protocol=protocol,
        )


def _prepare_tables(
    table: Callable[[str], pa.Table],
    poses_of: Callable[[str], Poses],
    out: Path | str,
    *,
    gestures: bool,
    protocol: str | None,
) -> PoseStore:
    clips = {row["clip_id"]: row for row in table("clips").to_pylist() if row["kept"]}
    spans: dict[str, list[Row]] = {}
    classes: tuple[str, ...] = LABELS
    if gestures:
        for row in table("gestures").to_pylist():
            spans.setdefault(row["clip_id"], []).append(row)
        found_labels = {row["label"] for rows in spans.values() for row in rows}
        # An imported data set may have classes of its own.
        classes = LABELS if found_labels <= set(LABELS) else tuple(sorted(found_labels))
        if not spans:
            raise BadInput("There are no agreed gestures yet. Annotate, then run `mgcollect annotate consensus`.")
    parts = _parts(table("splits"), protocol) if protocol else {}
    found = _Found(clips, spans if gestures else None, classes, parts, poses_of)
    first = next(iter(found), None)
    if first is None:
        raise BadInput("There is no kept clip with poses. Run `mgcollect pose` first.")
    return write_store(found, out, found.skeleton_name, classes=classes, y_down=found.y_down)


class _Found:
    """The clips' recordings, read anew each time they are walked, so that a corpus needs no memory."""

    def __init__(
        self,
        clips: dict[str, Row],
        spans: dict[str, list[Row]] | None,
        classes: tuple[str, ...],
        parts: dict[str, str],
        poses_of: Callable[[str], Poses],
    ) -> None:
        self.clips = clips
        self.spans = spans
        self.classes = classes
        self.parts = parts
        self.poses_of = poses_of
        self.skeleton_name = ""
        self.y_down = True

    def __iter__(self) -> Iterator[Recording]:
        for clip_id, clip in sorted(self.clips.items()):
            if self.spans is not None and clip_id not in self.spans:
                continue
            try:
                poses = self.poses_of(clip_id)
            except (KeyError, FileNotFoundError):
                continue
            if not self.skeleton_name:
                self.skeleton_name, self.y_down = poses.skeleton, poses.unit == "pixel"
            if (poses.skeleton, poses.unit == "pixel") != (self.skeleton_name, self.y_down):
                raise BadInput(
                    f"Clip {clip_id} has {poses.skeleton} poses in the unit {poses.unit}, unlike the clips before it "
                    f"({self.skeleton_name}). Make all poses with one skeleton."
                )
            confidence = np.where(poses.seen[:, None], poses.confidence, np.float32(0))
            yield Recording(poses.positions, confidence, clip["player_id"], self._items(clip_id, len(confidence)))

    def _items(self, clip_id: str, n_frames: int) -> tuple[Item, ...]:
        if self.spans is None:
            return (Item(clip_id, 0, n_frames, part=self.parts.get(clip_id, "")),)
        return tuple(
            Item(
                row["gesture_id"],
                row["start"],
                row["end"],
                self.classes.index(row["label"]),
                self.parts.get(row["gesture_id"], ""),
            )
            for row in self.spans[clip_id]
        )


def _parts(splits: pa.Table, protocol: str) -> dict[str, str]:
    rows = splits.filter(pc.equal(splits["protocol"], protocol)).to_pylist()
    if not rows:
        known = sorted(set(splits["protocol"].to_pylist())) if splits.num_rows else []
        raise BadInput(f"The splits table has no protocol {protocol!r}. There: {', '.join(known) or 'none'}.")
    return {row["item_id"]: row["part"] for row in rows if row["draw"] == min(row["draw"] for row in rows)}
