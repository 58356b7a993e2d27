"""`python -m benchmarks.annotation_loop`: what a correct gesture costs in annotators' time, with and without proposals.

Simulated people, poses and annotators; the rounds before, and the consensus and training in them, are the tool's own
(benchmarks/loop_rounds.py). On people of whom nothing was annotated, one and the same crowd is asked in several ways: shown nothing,
the kinematic spotter's proposals, those of the spotter after each round; told to play fast or slowly. What was said goes through
`annotate consensus`, and what comes out is compared with the truth. Minutes are of all annotators together, by the cost model of
`benchmarks/simulator/annotator.py`, which the report states. A correct gesture has its label and at least half of its place.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.crowd import right
from benchmarks.loop_report import Scored, page
from benchmarks.loop_rounds import Clip, Crowd, LoopSize, Proposed, Rounds, agreed, by_rule, rounds, spotted
from benchmarks.pretrained import weights_of
from benchmarks.simulator.annotator import Manner
from benchmarks.simulator.crowd import CROWDS
from manifests.errors import MgcollectError
from manifests.ids import digest, file_sha256
from manifests.parquet import write_text
from manifests.segments import temporal_iou
from manifests.tables import Row
from manifests.taxonomy import LABELS
from models.checkpoints import read_card
from models.pretrain import load_encoder
from models.spot.spotter import SpotSettings, Spotter

__all__ = ["ARMS", "Arm", "compared", "likely", "main", "once", "run_seed", "sure_to_be_empty"]

_RECALL, _WORTH = 0.9, 0.05  # as `mgcollect propose` shows what a spotter found
_WHOLE = 0.2  # share of the tasks that are played whole all the same, to see what is lost
_MARGIN_S, _SHORTEST_S = 0.5, 1.0  # of a stretch that isn't played


@dataclass(frozen=True)
class Arm:
    """A way of asking the crowd.

    Attributes:
        source: whose proposals it is shown: "" nobody's, "rule", or the spotter's after round "1" or "2".
        manner: how it works.
        worth: least chance of being right with which a proposal is shown.
        once: of proposals that overlap only the surest is shown.
        empty: stretches with less than this chance of any gesture aren't played, but in a fifth of the tasks; 0 plays all.
        crowd: another one than the rounds'.
    """

    name: str
    source: str
    manner: Manner
    worth: float = _WORTH
    once: bool = False
    empty: float = 0.0
    crowd: str = ""


SLOW, NATURAL = Manner(), Manner(close=1.0, speed=1.0)
_KEYS = replace(NATURAL, top_keys=True)
ARMS = (
    Arm("nothing, half speed", "", SLOW),
    Arm("nothing, natural speed", "", NATURAL),
    Arm("kinematic proposals, half speed", "rule", SLOW),
    Arm("kinematic proposals, natural speed", "rule", NATURAL),
    Arm("spotter 1, half speed", "1", SLOW),
    Arm("spotter 1, natural speed", "1", NATURAL),
    Arm("spotter 2, half speed", "2", SLOW),
    Arm("spotter 2, natural speed", "2", NATURAL),
    Arm("of at least 0.1", "2", NATURAL, worth=0.1),
    Arm("of at least 0.2", "2", NATURAL, worth=0.2),
    Arm("of at least 0.2, keys", "2", _KEYS, worth=0.2),
    Arm("of at least 0.2, keys, once", "2", _KEYS, worth=0.2, once=True),
    Arm("of at least 0.2, keys, once; natural speed but half for proposals", "2", replace(_KEYS, close=0.5), 0.2, True),
    Arm("of at least 0.2, keys, once; what is surely empty isn't played", "2", _KEYS, worth=0.2, once=True, empty=0.1),
    Arm("anchored crowd: nothing, half speed", "", SLOW, crowd="anchored"),
    Arm("anchored crowd: nothing, natural speed", "", NATURAL, crowd="anchored"),
    Arm("anchored crowd: of at least 0.2, keys, once", "2", _KEYS, worth=0.2, once=True, crowd="anchored"),
)


def run_seed(
    seed: int, size: LoopSize, settings: SpotSettings, checkpoint: Path | None = None, arms: Sequence[Arm] = ARMS
) -> list[Scored]:
    """The rounds of one seed, and all arms after them.

    Args:
        checkpoint: of a pre-trained MG-FM, whose features the spotters see beside the poses.
    """
    encoder = load_encoder(checkpoint)[0] if checkpoint else None
    with TemporaryDirectory() as folder:
        done = rounds(Path(folder) / "dataset", size, settings, seed, encoder=encoder, quiet=True)
        return compared(done, size, seed, arms)


def compared(done: Rounds, size: LoopSize, seed: int, arms: Sequence[Arm] = ARMS) -> list[Scored]:
    """Every arm on the people of the comparison."""
    clips = done.compared
    candidates: dict[str, Mapping[str, Sequence[Row]]] = {"rule": by_rule(clips, done.poses)}
    spotters: dict[str, Spotter] = {}
    for number, (version, spotter) in enumerate(done.spotters, 1):
        spotters[str(number)] = spotter
        candidates[str(number)] = spotted(clips, done.poses, version, spotter)
    truth = {clip.name: clip.truth for clip in clips}
    found = []
    for arm in arms:
        crowd = Crowd.of(arm.crowd or size.crowd, size.per_clip, seed)
        shown: Proposed | None = candidates.get(arm.source)
        skipped = {}
        if shown is not None and arm.source in spotters:
            if arm.empty:
                skipped = {
                    clip.name: sure_to_be_empty(clip, shown[clip.name], arm.empty) for clip in clips if _by_lot(clip)
                }
            shown = likely(shown, spotters[arm.source], arm.worth)
            shown = {clip: once(rows) for clip, rows in shown.items()} if arm.once else shown
        said, work = crowd.annotate(clips, arm.manner, shown, skipped)
        gestures = agreed(clips, said, shown)
        found.append(
            Scored(
                arm=arm.name,
                source=arm.source,
                seed=seed,
                speed=arm.manner.speed,
                film=sum(clip.row["n_frames"] / float(clip.fps) for clip in clips),
                work=work,
                known=sum(map(len, truth.values())),
                said=sum(map(len, gestures.values())),
                right=right(truth, gestures),
                right_closely=right(truth, gestures, 0.7),
                shown=sum(len(rows) for rows in (shown or {}).values()),
                learned=done.agreed[int(arm.source) - 1] if arm.source in spotters else 0,
            )
        )
    return found


def likely(rows: Proposed, spotter: Spotter, worth: float) -> dict[str, list[Row]]:
    """Of all candidates those that `mgcollect propose` would show, by class and by what is worth a look."""
    least = dict(zip(LABELS, np.maximum(spotter.calibration.thresholds(_RECALL), worth).tolist(), strict=True))
    return {clip: [row for row in of_clip if row["score"] >= least[row["label"]]] for clip, of_clip in rows.items()}


def once(rows: Sequence[Row], most: float = 0.15) -> list[Row]:
    """Proposals, the surest first, that overlap no surer one by `most`; in order of time."""
    kept: list[Row] = []
    for row in sorted(rows, key=lambda row: -float(row["score"])):
        ranges = [(other["start"], other["end"]) for other in kept]
        if not kept or temporal_iou([(row["start"], row["end"])], ranges).max() < most:
            kept.append(row)
    return sorted(kept, key=lambda row: (row["start"], row["end"]))


def sure_to_be_empty(clip: Clip, candidates: Iterable[Row], chance: float) -> tuple[tuple[int, int], ...]:
    """Stretches of at least a second that no candidate of so much chance, with whatever label, comes near."""
    margin = round(_MARGIN_S * float(clip.fps))
    busy = np.zeros(clip.row["n_frames"] + 2, dtype=np.bool_)
    busy[[0, -1]] = True
    for row in candidates:
        if sum(row["top_scores"]) >= chance:
            busy[1 + max(0, row["start"] - margin) : 1 + row["end"] + margin] = True
    busy[-1] = True
    edges = np.flatnonzero(np.diff(busy.astype(np.int8))).reshape(-1, 2)
    return tuple((int(a), int(b)) for a, b in edges if b - a >= _SHORTEST_S * float(clip.fps))


def _by_lot(clip: Clip) -> bool:
    return int(digest("played whole", clip.name)[:8], 16) / 16**8 >= _WHOLE


def _kept(seed: int, size: LoopSize, settings: SpotSettings, checkpoint: Path | None, out: Path | None) -> list[Scored]:
    """A seed's scores, from `out` where a run before wrote them there."""
    weights = file_sha256(weights_of(checkpoint)) if checkpoint else None
    name = f"seed{seed}-{digest(asdict(size), asdict(settings), weights, [asdict(arm) for arm in ARMS])[:12]}.json"
    if out and (out / name).exists():
        return [Scored.read(row) for row in json.loads((out / name).read_text(encoding="utf-8"))]
    found = run_seed(seed, size, settings, checkpoint)
    if out:
        write_text(out / name, json.dumps([asdict(one) for one in found], indent=1) + "\n")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the loop for some seeds; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.annotation_loop", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--workers", type=int, default=2, help="seeds at a time")
    parser.add_argument("--crowd", choices=sorted(CROWDS), default=LoopSize.crowd)
    parser.add_argument("--per-clip", type=int, default=LoopSize.per_clip, help="annotators that see a clip")
    parser.add_argument("--precision", choices=["32-true", "bf16-mixed"], default="32-true", help="of the trainings")
    parser.add_argument("--checkpoint", type=Path, help="an MG-FM whose features the spotters see beside the poses")
    parser.add_argument(
        "--out", type=Path, help="a folder for each seed's scores, which another run reuses, and the report"
    )
    arguments = parser.parse_args(argv)
    size = LoopSize(crowd=arguments.crowd, per_clip=arguments.per_clip)
    usual = SpotSettings()
    settings = replace(usual, training=replace(usual.training, precision=arguments.precision))
    checkpoint = arguments.checkpoint
    sees = "the poses alone"
    if checkpoint:
        try:
            steps = read_card(checkpoint).step
        except MgcollectError as error:
            parser.error(str(error))
        sees = f"the poses and the features of an MG-FM that was pre-trained for {steps} steps"
    one = partial(_kept, size=size, settings=settings, checkpoint=checkpoint, out=arguments.out)
    with ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn")) as pool:
        scored = [each for of_seed in pool.map(one, arguments.seeds) for each in of_seed]
    text = page(scored, size, sees)
    print(text)
    if arguments.out:
        write_text(arguments.out / "annotation_loop.md", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
