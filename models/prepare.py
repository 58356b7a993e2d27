"""From what people have (a release, a dataset, a pyskl pickle) to a prepared store of poses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from manifests.errors import BadInput
from manifests.importers.pyskl import PysklClip, load_pyskl
from manifests.poses import Poses, Unit, read_poses
from manifests.release import INFO, open_release
from manifests.tables import Row
from manifests.taxonomy import LABELS
from manifests.workspace import open_workspace
from models.store import Item, PoseStore, Recording, write_store

__all__ = ["prepare", "prepare_pretraining", "prepare_pyskl"]


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


def prepare(
    source: Path | str,
    out: Path | str,
    *,
    gestures: bool = False,
    protocol: str | None = None,
    people: Collection[str] | None = None,
) -> PoseStore:
    """Prepare the poses of a release or a dataset.

    Args:
        source: the folder of a release or of a dataset.
        gestures: one item per agreed gesture, with its label; otherwise one item per clip, without.
        protocol: take parts (train, val, test) from this protocol of the splits table, its first draw.
        people: take the clips of these people only.

    Raises:
        BadInput: it is neither, there are no poses or no gestures in it, or the clips' skeletons differ.
    """
    with _opened(source) as (table, poses_of):
        return _prepare_tables(table, poses_of, out, gestures=gestures, protocol=protocol, people=people)


def prepare_pretraining(
    source: Path | str, out: Path | str, *, protocol: str | None = None, probe_people: int = 0, seed: int = 0
) -> tuple[PoseStore, PoseStore | None]:
    """Prepare the clips to learn from, and the gestures of people who are left out of them for a probe.

    Args:
        source: the folder of a release or of a dataset.
        out: folder for the stores `poses` and `probe`.
        protocol: leave out its test and validation people; None learns from all.
        probe_people: how many of the others who have gestures to leave out and probe on; 0 for no probe.
        seed: of their draw.

    Raises:
        BadInput: as `prepare`, or there are not enough people.
    """
    out = Path(out)
    with _opened(source) as (table, poses_of):
        everyone = {row["player_id"] for row in table("clips").to_pylist() if row["kept"]}
        if protocol:
            rows = _rows_of(table("splits"), protocol)
            everyone -= {row["player_id"] for row in rows if row["part"] != "train"}
        gesturing = sorted({row["player_id"] for row in table("gestures").to_pylist()} & everyone)
        if probe_people and not 2 <= probe_people <= len(gesturing):
            raise BadInput(
                f"A probe on {probe_people} people can't be made: at least 2 are needed, "
                f"and {len(gesturing)} have gestures and are not held out already."
            )
        probed = set(np.random.default_rng(seed).permutation(gesturing)[:probe_people].tolist())
        if not everyone - probed:
            raise BadInput("Nobody is left to learn from. Probe on fewer people, or leave out --protocol.")
        store = _prepare_tables(table, poses_of, out / "poses", people=everyone - probed)
        held_out = _prepare_tables(table, poses_of, out / "probe", gestures=True, people=probed) if probed else None
    return store, held_out


@contextmanager
def _opened(source: Path | str) -> Iterator[tuple[Callable[[str], pa.Table], Callable[[str], Poses]]]:
    """How to get a table, and a clip's poses, from a release or a dataset."""
    source = Path(source)
    if (source / INFO).exists():
        release = open_release(source)
        yield release.table, release.poses
        return
    with open_workspace(source) as workspace:
        yield workspace.read, lambda clip_id: read_poses(workspace.table_path("poses", clip_id))


def _prepare_tables(
    table: Callable[[str], pa.Table],
    poses_of: Callable[[str], Poses],
    out: Path | str,
    *,
    gestures: bool = False,
    protocol: str | None = None,
    people: Collection[str] | None = None,
) -> PoseStore:
    clips = {
        row["clip_id"]: row
        for row in table("clips").to_pylist()
        if row["kept"] and (people is None or row["player_id"] in people)
    }
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
    return write_store(
        found,
        out,
        found.skeleton_name,
        classes=classes,
        y_down=found.unit == "pixel",
        in_body_frame=found.unit == "body",
    )


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
        self.unit: Unit = "pixel"

    def __iter__(self) -> Iterator[Recording]:
        for clip_id, clip in sorted(self.clips.items()):
            if self.spans is not None and clip_id not in self.spans:
                continue
            try:
                poses = self.poses_of(clip_id)
            except (KeyError, FileNotFoundError):
                continue
            if not self.skeleton_name:
                self.skeleton_name, self.unit = poses.skeleton, poses.unit
            if (poses.skeleton, poses.unit) != (self.skeleton_name, self.unit):
                raise BadInput(
                    f"Clip {clip_id} has {poses.skeleton} poses in the unit {poses.unit}, unlike the clips before it "
                    f"({self.skeleton_name}, {self.unit}). Make all poses with one skeleton."
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
    rows = _rows_of(splits, protocol)
    first = min(row["draw"] for row in rows)
    return {row["item_id"]: row["part"] for row in rows if row["draw"] == first}


def _rows_of(splits: pa.Table, protocol: str) -> list[Row]:
    rows: list[Row] = splits.filter(pc.equal(splits["protocol"], protocol)).to_pylist()
    if not rows:
        known = sorted(set(splits["protocol"].to_pylist())) if splits.num_rows else []
        raise BadInput(f"The splits table has no protocol {protocol!r}. There: {', '.join(known) or 'none'}.")
    return rows
