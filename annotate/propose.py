"""Stage: one clip with poses in, its candidate gestures out: by a trained spotter where one is given, else by rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from annotate import kinematic
from collector.engine import Retry, StageReport, run_stage
from manifests.errors import BadInput, ItemFailed
from manifests.ids import digest, file_sha256, proposal_id
from manifests.poses import Poses, read_poses
from manifests.provenance import made_by
from manifests.tables import Row, rows_of
from manifests.taxonomy import LABELS
from manifests.workspace import Workspace
from models.spot.candidates import Candidate

if TYPE_CHECKING:
    from models.spot.spotter import Spotter

__all__ = ["Propose", "Weights", "find_spotter", "posed_clips", "proposal_row", "propose", "stage_of"]


@dataclass(frozen=True)
class Weights:
    """A trained spotter's file of weights, and what it is called.

    Attributes:
        path: of the file.
        sha256: of its bytes.
    """

    path: str
    sha256: str

    @property
    def version(self) -> str:
        """What tables call the model."""
        return f"spotter-{self.sha256[:12]}"


@dataclass(frozen=True)
class Propose:
    """Stage: candidate gestures of one clip.

    Attributes:
        weights: of a spotter that `mgcollect train spot` wrote; None takes the kinematic spotter.
        recall: share of each class's gestures that should be among the candidates, of a trained spotter.
        device: such as "cpu" or "cuda"; CUDA if there, unless given.
    """

    weights: Weights | None = None
    recall: float = 0.9
    device: str | None = None
    name: str = "propose"
    table: str = "proposals"

    @property
    def version(self) -> str:
        """What the rows call the model."""
        return self.weights.version if self.weights else kinematic.MODEL_VERSION

    def key(self, item: Row) -> str:
        return str(item["clip_id"])

    def fingerprint(self, item: Row) -> str:
        # Not of where the file lies: a dataset that was moved has nothing to do again.
        asked = [self.weights.sha256, self.recall] if self.weights else []
        return digest(self.version, *asked, {name: value for name, value in item.items() if name != "poses"})

    def setup(self) -> None:
        if self.weights:  # rules need nothing loaded
            _load(self.weights)

    def process(self, item: Row) -> Iterable[Row]:
        poses = read_poses(item["poses"])
        if len(poses.keypoints) != item["n_frames"]:
            raise ItemFailed(
                f"the clip has {item['n_frames']} frames, its poses {len(poses.keypoints)}. Run `mgcollect pose` again.",
                kind="pose_length",
            )
        candidates = self._candidates(poses, Fraction(item["fps_num"], item["fps_den"]))
        by_whom = made_by(self.version, self.weights.sha256 if self.weights else None)
        return [proposal_row(candidate, item["clip_id"], self.version, by_whom) for candidate in candidates]

    def _candidates(self, poses: Poses, fps: Fraction) -> list[Candidate]:
        if self.weights:
            from models.spot.detect import default_device, spot

            try:
                return spot(
                    _load(self.weights), poses, float(fps), recall=self.recall, device=self.device or default_device()
                )
            except BadInput as error:
                raise ItemFailed(str(error), kind="skeleton") from error
        try:
            return kinematic.spot(poses, fps)
        except ValueError as error:
            raise ItemFailed(f"{error}. Run `mgcollect pose --skeleton coco17`.", kind="skeleton") from error


def find_spotter(checkpoint: Path | str, taxonomy: Iterable[str]) -> Weights:
    """The weights of a spotter, looked at before anything is done with them.

    Args:
        checkpoint: the folder that `mgcollect train spot` wrote, or the file of weights in it.
        taxonomy: the labels that proposals may have.

    Raises:
        BadInput: there is none, it is of another kind of model, or it knows other classes.
        SchemaMismatch: it is of another format version.
    """
    from models.checkpoints import MODEL
    from models.spot.spotter import load_spotter

    path = Path(checkpoint)
    path = path / MODEL if path.is_dir() else path
    _, card = load_spotter(path)
    if unknown := sorted(set(card.classes) - set(taxonomy)):
        raise BadInput(
            f"{path}: the spotter was trained on other classes, such as {unknown[0]!r}. Train one on gestures of the taxonomy."
        )
    return Weights(str(path.resolve()), file_sha256(path))


@lru_cache(maxsize=1)
def _load(weights: Weights) -> Spotter:
    from models.spot.spotter import load_spotter

    if file_sha256(weights.path) != weights.sha256:
        raise BadInput(f"{weights.path}: the weights changed while they were used. Run the same command again.")
    return load_spotter(weights.path)[0]


def propose(
    workspace: Workspace,
    *,
    checkpoint: Path | str | None = None,
    recall: float = 0.9,
    device: str | None = None,
    retry: Retry | None = None,
    engine: str = "local",
    workers: int = 1,
    quiet: bool = False,
) -> StageReport:
    """Bring the proposals table up to date with the kept clips that have poses.

    Args:
        checkpoint: what `mgcollect train spot` wrote; without one the kinematic spotter proposes.
        recall, device: as `Propose`.

    Raises:
        Unavailable: another process does the same.
        BadInput: a table is damaged, or as `find_spotter`.
    """
    stage = stage_of(checkpoint, recall, device)
    return run_stage(
        stage, list(posed_clips(workspace)), workspace, engine=engine, workers=workers, retry=retry, quiet=quiet
    )


def stage_of(checkpoint: Path | str | None = None, recall: float = 0.9, device: str | None = None) -> Propose:
    """The stage that proposes as `propose` is asked to; the arguments are its own.

    Raises:
        BadInput: as `propose`.
    """
    if not 0 < recall <= 1:
        raise BadInput(f"--recall {recall}: give a share above 0 and up to 1.")
    return Propose(None if checkpoint is None else find_spotter(checkpoint, LABELS), recall, device)


def posed_clips(workspace: Workspace) -> Iterator[Row]:
    """The stage's items: the kept clips that have poses."""
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


def proposal_row(candidate: Candidate, clip: str, version: str, by_whom: str) -> Row:
    """A candidate as a row of the table of proposals."""
    label = candidate.labels[0]
    return {
        "proposal_id": proposal_id(clip, candidate.start, candidate.end, label, version),
        "clip_id": clip,
        "start": candidate.start,
        "end": candidate.end,
        "label": label,
        "score": candidate.scores[0],
        "top_labels": list(candidate.labels),
        "top_scores": list(candidate.scores),
        "model_version": version,
        "made_by": by_whom,
    }
