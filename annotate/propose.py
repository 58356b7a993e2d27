"""Stage: one clip with poses in, its candidate gestures out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from annotate import kinematic
from collector.engine import Retry, StageReport, run_stage
from manifests.errors import ItemFailed
from manifests.ids import digest, proposal_id
from manifests.poses import read_poses
from manifests.provenance import made_by
from manifests.tables import Row, rows_of
from manifests.workspace import Workspace

__all__ = ["Propose", "propose"]


@dataclass(frozen=True)
class Propose:
    """Stage: candidate gestures of one clip, by the kinematic spotter."""

    name: str = "propose"
    table: str = "proposals"

    def key(self, item: Row) -> str:
        return str(item["clip_id"])

    def fingerprint(self, item: Row) -> str:
        # Not of where the file lies: a dataset that was moved has nothing to do again.
        return digest(kinematic.MODEL_VERSION, {name: value for name, value in item.items() if name != "poses"})

    def setup(self) -> None:
        pass  # rules need nothing loaded

    def process(self, item: Row) -> Iterable[Row]:
        poses = read_poses(item["poses"])
        if len(poses.keypoints) != item["n_frames"]:
            raise ItemFailed(
                f"the clip has {item['n_frames']} frames, its poses {len(poses.keypoints)}. Run `mgcollect pose` again.",
                kind="pose_length",
            )
        try:
            candidates = kinematic.spot(poses, Fraction(item["fps_num"], item["fps_den"]))
        except ValueError as error:
            raise ItemFailed(f"{error}. Run `mgcollect pose --skeleton coco17`.", kind="skeleton") from error
        by_whom = made_by(kinematic.MODEL_VERSION)
        return [_row(candidate, item["clip_id"], by_whom) for candidate in candidates]


def propose(
    workspace: Workspace,
    *,
    retry: Retry | None = None,
    engine: str = "local",
    workers: int = 1,
    quiet: bool = False,
) -> StageReport:
    """Bring the proposals table up to date with the kept clips that have poses.

    Raises:
        Unavailable: another process does the same.
        BadInput: a table is damaged.
    """
    return run_stage(
        Propose(), list(_items(workspace)), workspace, engine=engine, workers=workers, retry=retry, quiet=quiet
    )


def _items(workspace: Workspace) -> Iterator[Row]:
    for clip in rows_of(workspace.read("clips")):
        poses = workspace.table_path("poses", clip["clip_id"])
        if not clip["kept"] or not poses.exists():
            continue
        stat = poses.stat()
        yield {
            "clip_id": clip["clip_id"],
            "n_frames": clip["n_frames"],
            "fps_num": clip["fps_num"],
            "fps_den": clip["fps_den"],
            "poses": str(poses),
            # A changed file is proposed for again, without reading them all each time.
            "poses_changed": (stat.st_size, stat.st_mtime_ns),
        }


def _row(candidate: kinematic.Candidate, clip: str, by_whom: str) -> Row:
    label = candidate.labels[0]
    return {
        "proposal_id": proposal_id(clip, candidate.start, candidate.end, label, kinematic.MODEL_VERSION),
        "clip_id": clip,
        "start": candidate.start,
        "end": candidate.end,
        "label": label,
        "score": candidate.scores[0],
        "top_labels": list(candidate.labels),
        "top_scores": list(candidate.scores),
        "model_version": kinematic.MODEL_VERSION,
        "made_by": by_whom,
    }
