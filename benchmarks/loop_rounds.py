"""Rounds of annotation: simulated people, a simulated crowd, and the spotter that learns from what was agreed on.

Everything between the annotators and the next proposals is the dataset's own code: its tables, `propose`, `consensus`, `retrain`.
The truth stays outside of the dataset; it is what annotators look at, and what they are measured by.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from annotate import kinematic
from annotate.consensus import consensus
from annotate.opinions import Opinion, Segment
from annotate.propose import proposal_row, propose
from annotate.retrain import retrain
from annotate.shown import note_shown
from benchmarks.simulator.annotator import Manner, Shown, Work, annotate
from benchmarks.simulator.corpus import simulate, write_dataset
from benchmarks.simulator.crowd import CROWDS, KINDS
from manifests.ids import digest
from manifests.poses import Poses, read_poses
from manifests.provenance import made_by
from manifests.tables import TABLES, Row, empty, from_rows, rows_of
from manifests.workspace import Workspace, open_workspace
from models.mgfm import MGFM
from models.spot.spotter import SpotSettings, Spotter, load_spotter

__all__ = ["Clip", "Crowd", "LoopSize", "Rounds", "agreed", "by_rule", "rounds", "spotted"]

_START = datetime(2026, 1, 1, tzinfo=UTC)
_MADE_BY = made_by("simulated crowd")

Proposed = Mapping[str, Sequence[Row]]


@dataclass(frozen=True)
class LoopSize:
    """How much is simulated.

    Attributes:
        people: of the first round, of the second, and of the comparison.
        clips: of each person.
        minutes: mean length of a clip, which is one task.
        per_clip: annotators that see a clip.
        crowd: one of `benchmarks.simulator.crowd.CROWDS`.
        steps: of the trainings after the first and the second round.
    """

    people: tuple[int, int, int] = (12, 12, 8)
    clips: int = 8
    minutes: float = 1.0
    per_clip: int = 3
    crowd: str = "mostly careful"
    steps: tuple[int, int] = (400, 800)


@dataclass(frozen=True)
class Clip:
    """A clip of a simulated person, and what is true of it."""

    row: Row
    truth: tuple[Segment, ...]
    difficulty: tuple[float, ...]

    @property
    def name(self) -> str:
        return str(self.row["clip_id"])

    @property
    def fps(self) -> Fraction:
        return Fraction(self.row["fps_num"], self.row["fps_den"])


@dataclass(frozen=True)
class Crowd:
    """Twenty simulated annotators, of whom the same ones see a clip however it is shown to them.

    Attributes:
        kind_of: by pseudonym.
        per_clip: annotators that see a clip.
        seed: of who sees what, and of their errors.
    """

    kind_of: Mapping[str, str]
    per_clip: int
    seed: int

    @classmethod
    def of(cls, name: str, per_clip: int, seed: int) -> Crowd:
        """One of `CROWDS`, by its name."""
        kinds = [kind for kind, count in CROWDS[name].items() for _ in range(count)]
        return cls({f"A{i:02d}": kind for i, kind in enumerate(kinds, 1)}, per_clip, seed)

    def annotate(
        self,
        clips: Iterable[Clip],
        manner: Manner,
        proposals: Proposed | None = None,
        skipped: Mapping[str, tuple[tuple[int, int], ...]] | None = None,
    ) -> tuple[dict[str, list[Opinion]], Work]:
        """What they say of clips, and the work of all of them together.

        Args:
            proposals: rows of the proposals table, by clip; None shows none.
            skipped: frames of clips that aren't played.
        """
        said: dict[str, list[Opinion]] = {}
        total = Work()
        for clip in clips:
            shown = Shown(
                clip.row["n_frames"],
                float(clip.fps),
                clip.truth,
                clip.difficulty,
                tuple((proposals or {}).get(clip.name, ())),
                (skipped or {}).get(clip.name, ()),
            )
            rng = _generator(self.seed, "crowd", clip.name)
            who = sorted(rng.choice(sorted(self.kind_of), size=self.per_clip, replace=False).tolist())
            said[clip.name] = []
            for name in who:
                own = _generator(self.seed, name, clip.name)
                opinion, work = annotate(shown, name, KINDS[self.kind_of[name]], manner, own)
                said[clip.name].append(opinion)
                total += work
        return said, total


@dataclass
class Rounds:
    """What two rounds came to.

    Attributes:
        compared: clips of people of whom nothing was annotated.
        poses: of a clip, by its name.
        spotters: after each round, with the version's name.
        work: of each round.
        agreed: gestures that each training learned from.
    """

    compared: list[Clip]
    poses: Callable[[str], Poses]
    spotters: list[tuple[str, Spotter]] = field(default_factory=list)
    work: list[Work] = field(default_factory=list)
    agreed: list[int] = field(default_factory=list)


def rounds(
    folder: Path, size: LoopSize, settings: SpotSettings, seed: int, *, encoder: MGFM | None = None, quiet: bool = False
) -> Rounds:
    """Annotate two thirds of the people in two rounds and train after each; proposals are by rule first, then the spotter's.

    Args:
        folder: for the dataset; it must be empty.
        settings: of the trainings; their steps are `size`'s, their seed `seed`.
        encoder: a pre-trained MG-FM whose features the spotter sees beside the poses.
    """
    people = sum(size.people)
    write_dataset(folder, simulate(people=people, videos=people * size.clips, minutes=size.minutes, seed=seed))
    crowd = Crowd.of(size.crowd, size.per_clip, seed)
    with open_workspace(folder) as workspace:
        clips = _clips(workspace, seed)
        workspace.write("gestures", empty(TABLES["gestures"]))  # the truth, which nobody is to learn from
        names = sorted({clip.row["player_id"] for clip in clips})
        first, second, _ = size.people
        parts = [names[:first], names[first : first + second], names[first + second :]]
        of_part = [[clip for clip in clips if clip.row["player_id"] in part] for part in parts]
        done = Rounds(of_part[2], lambda clip: read_poses(workspace.table_path("poses", clip)))
        said: dict[str, list[Opinion]] = {}
        newest: Path | None = None
        for part, steps in zip(of_part[:2], size.steps, strict=True):
            propose(workspace, checkpoint=newest, workers=0, quiet=quiet)
            shown = _by_clip(rows_of(workspace.read("proposals")))
            opinions, work = crowd.annotate(part, Manner(), shown)
            said |= opinions
            note_shown(workspace, [row for clip in part for row in _noted(clip.name, shown.get(clip.name, ()))])
            workspace.write("annotations", from_rows(TABLES["annotations"], _annotations(said)))
            consensus(workspace)
            fitted = replace(settings, training=replace(settings.training, steps=steps, seed=seed))
            trained = retrain(workspace, fitted, encoder=encoder, share=0.0, quiet=quiet)
            newest = trained.folder
            done.spotters.append((trained.version, load_spotter(newest / "model.safetensors")[0]))
            done.work.append(work)
            done.agreed.append(trained.learned[1])
    return done


def _noted(clip: str, shown: Sequence[Row]) -> list[Row]:
    """Rows of the table `shown`, as a pull notes them."""
    names = ("proposal_id", "start", "end", "label", "model_version")
    rows = [{name: row[name] for name in names} for row in shown] or [dict.fromkeys(names)]
    return [{"stretch": clip, "clip_id": clip, **row} for row in rows]


def by_rule(clips: Iterable[Clip], poses: Callable[[str], Poses]) -> dict[str, list[Row]]:
    """The kinematic spotter's proposals, by clip."""
    return {
        clip.name: [
            proposal_row(c, clip.name, kinematic.MODEL_VERSION, made_by(kinematic.MODEL_VERSION))
            for c in kinematic.spot(poses(clip.name), clip.fps)
        ]
        for clip in clips
    }


def spotted(
    clips: Iterable[Clip], poses: Callable[[str], Poses], version: str, spotter: Spotter
) -> dict[str, list[Row]]:
    """All candidates of a spotter, however unlikely, by clip."""
    from models.spot.detect import spot

    return {
        clip.name: [
            proposal_row(c, clip.name, version, made_by(version))
            for c in spot(spotter, poses(clip.name), float(clip.fps))
        ]
        for clip in clips
    }


def agreed(
    clips: Sequence[Clip], said: Mapping[str, Sequence[Opinion]], shown: Proposed | None = None
) -> dict[str, list[Segment]]:
    """The gestures of a dataset of these clips in which this was shown and said, by `mgcollect annotate consensus`'s own code."""
    with TemporaryDirectory() as folder, open_workspace(folder, create=True) as workspace:
        workspace.write("clips", from_rows(TABLES["clips"], [clip.row for clip in clips]))
        rows = [row for clip in clips for row in (shown or {}).get(clip.name, ())]
        workspace.write("proposals", from_rows(TABLES["proposals"], rows))
        workspace.write("annotations", from_rows(TABLES["annotations"], _annotations(said)))
        consensus(workspace)
        found: dict[str, list[Segment]] = defaultdict(list)
        for row in rows_of(workspace.read("gestures")):
            found[row["clip_id"]].append(Segment(row["start"], row["end"], row["label"]))
    return dict(found)


def _clips(workspace: Workspace, seed: int) -> list[Clip]:
    truth: dict[str, list[Segment]] = defaultdict(list)
    for row in rows_of(workspace.read("gestures")):
        truth[row["clip_id"]].append(Segment(row["start"], row["end"], row["label"]))
    clips = []
    for row in sorted(rows_of(workspace.read("clips")), key=lambda row: str(row["clip_id"])):
        segments = tuple(sorted(truth[row["clip_id"]], key=lambda s: s.start))
        hard = _generator(seed, "difficulty", row["clip_id"]).gamma(2.0, 0.5, size=len(segments))
        clips.append(Clip(row, segments, tuple(hard.tolist())))
    return clips


def _annotations(said: Mapping[str, Sequence[Opinion]]) -> list[Row]:
    rows: list[Row] = []
    at = _START
    for clip, opinions in said.items():
        for opinion in opinions:
            at += timedelta(seconds=opinion.lead_time_s or 0)
            submission = digest("submission", clip, opinion.annotator_id)
            for i, segment in enumerate(opinion.segments or (None,)):
                rows.append(
                    {
                        "annotation_id": f"{submission}-{i}",
                        "submission_id": submission,
                        "clip_id": clip,
                        "window_start": None,
                        "window_end": None,
                        "annotator_id": opinion.annotator_id,
                        "verdict": opinion.verdict,
                        "start": segment and segment.start,
                        "end": segment and segment.end,
                        "label": segment and segment.label,
                        "certainty": None,
                        "description": None,
                        "task_id": clip,
                        "lead_time_s": opinion.lead_time_s,
                        "from_proposal": segment and segment.from_proposal,
                        "created_at": at,
                        "made_by": _MADE_BY,
                    }
                )
    return rows


def _by_clip(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["clip_id"]].append(row)
    return found


def _generator(seed: int, *what: Any) -> np.random.Generator:
    return np.random.default_rng(int(digest(seed, *what)[:16], 16))
