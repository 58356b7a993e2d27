"""Fine the proposals on what was agreed: train the next version of a dataset's spotter, and say what it gained.

Some people are never learned from, by lot of their pseudonym, so that each version can be compared with the one before on
people whom neither has seen. What is compared is what an annotator would be shown: which agreed gestures have a proposal of
their class that overlaps them by half, one to one, and how many proposals are none (annotate/measured.py).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from annotate.intervals import Interval, Sums, interval
from annotate.measured import Measured, Ranked, f1_of, measure
from annotate.propose import Propose, posed_clips, stage_of
from annotate.spotters import RECORD, begun, newest_spotter, record_of
from manifests.errors import BadInput
from manifests.ids import digest
from manifests.parquet import write_text
from manifests.tables import Row, rows_of
from manifests.workspace import Workspace
from models.mgfm import MGFM
from models.settings import to_mapping
from models.spot.spotter import SpotSettings
from models.spot.streams import Streams, read_streams
from models.spot.train import SpotReport, train_spot

__all__ = ["Retrained", "retrain"]

_SHARE = 0.2
_LEAST = 4  # people, of whom one can be spared


@dataclass(frozen=True)
class Retrained:
    """A version, and what it gained.

    Attributes:
        folder: of its weights and record.
        version: what its proposals are called by.
        new: it was trained just now; False where nothing has changed since the newest version.
        learned: people and gestures that it learned from.
        people: on whom before and after are measured; nobody of them was learned from, by either.
        before, after: None where nobody can be spared for measuring.
        gain: F1 after less F1 before, and its interval.
        training: losses and calibration; None where it was not trained now.
    """

    folder: Path
    version: str
    new: bool
    learned: tuple[int, int]
    people: tuple[str, ...]
    before: Measured | None
    after: Measured | None
    training: SpotReport | None

    @property
    def gain(self) -> tuple[float, Interval | None] | None:
        """Of F1, on the same people."""
        if self.before is None or self.after is None:
            return None
        pairs = np.concatenate([self.before.sums, self.after.sums], axis=1)

        def gained(sums: Sums) -> Sums:
            return np.asarray(f1_of(sums[:, 3:]) - f1_of(sums[:, :3]))

        return self.after.f1 - self.before.f1, interval(pairs, gained)


def retrain(
    workspace: Workspace,
    settings: SpotSettings | None = None,
    *,
    encoder: MGFM | None = None,
    share: float = _SHARE,
    device: str = "cpu",
    quiet: bool = False,
) -> Retrained:
    """Train the next version of the dataset's spotter on its agreed gestures; `propose`, `push` and `serve` then use it.

    A killed run goes on where it was. Nothing is trained where gestures and settings are those of the newest version.

    Args:
        settings: of the training.
        encoder: a pre-trained MG-FM whose features it sees beside the poses.
        share: of the people who are kept for measuring; one at least, where there are four.

    Raises:
        BadInput: there is no agreed gesture, `share` is not from 0 to below 1, or as `models.spot.train.train_spot`.
        Unavailable: another process does the same.
    """
    if not 0 <= share < 1:
        raise BadInput(f"--measure {share}: write a share from 0 to below 1, such as 0.2.")
    settings = settings or SpotSettings()
    with workspace.working("annotate-retrain"):
        last = newest_spotter(workspace.root)
        spared = _spared(workspace, share)
        folder, abandoned = begun(workspace.root, _learned(workspace, settings, encoder, spared))
        for other in abandoned:
            shutil.rmtree(other)
        if folder == last:
            return _as_recorded(folder)
        streams = read_streams(workspace.root, folder / "poses")
        learn = streams.items[~np.isin(streams.store.people[streams.items], sorted(spared))]
        _, report = train_spot(streams, folder, settings, encoder=encoder, train=learn, device=device, quiet=quiet)
        people = tuple(sorted(set(streams.store.people[learn].tolist())))
        before_knew = set() if last is None else set(_texts(record_of(last), "learned_from"))
        measured = tuple(sorted(spared - before_knew))
        before, after = _compared(workspace, streams, stage_of(last), stage_of(folder), measured)
        done = Retrained(
            folder=folder,
            version=stage_of(folder).version,
            new=True,
            learned=(len(people), int(np.isin(streams.owner, learn).sum())),
            people=measured if after else (),
            before=before,
            after=after,
            training=report,
        )
        # Last of all: with its record a version is finished.
        write_text(folder / RECORD, json.dumps(_record(done, people), indent=2) + "\n")
    return done


def _compared(
    workspace: Workspace, streams: Streams, before: Propose, after: Propose, measured: tuple[str, ...]
) -> tuple[Measured | None, Measured | None]:
    judged = {str(streams.store.names[item]): str(streams.store.people[item]) for item in streams.items}
    clips = {clip: person for clip, person in judged.items() if person in measured}
    known: dict[str, list[Row]] = defaultdict(list)
    for row in rows_of(workspace.read("gestures")):
        known[row["clip_id"]].append(row)
    items = [item for item in posed_clips(workspace) if item["clip_id"] in clips]
    if not items:
        return None, None
    return measure(before, items, known, clips), measure(after, items, known, clips)


def _spared(workspace: Workspace, share: float) -> set[str]:
    """People with agreed gestures who are kept for measuring: the same ones each time, for the lot is in the pseudonym."""
    people = {row["player_id"] for row in rows_of(workspace.read("gestures"))}
    lots = {one: int(digest("kept for measuring", one)[:8], 16) / 16**8 for one in people}
    drawn = {one for one, lot in lots.items() if lot < share}
    if not drawn and share > 0 and len(people) >= _LEAST:
        drawn = {min(lots, key=lambda one: lots[one])}
    return drawn if len(people) - len(drawn) > 0 else set()


def _learned(workspace: Workspace, settings: SpotSettings, encoder: MGFM | None, spared: set[str]) -> str:
    """A digest of all that a training depends on."""
    gestures = sorted(row["gesture_id"] for row in rows_of(workspace.read("gestures")))
    judged = sorted({row["clip_id"] for row in rows_of(workspace.read("annotations"))})
    poses = [(item["clip_id"], item["poses_changed"]) for item in posed_clips(workspace)]
    state = {} if encoder is None else encoder.state_dict()
    weights = [hashlib.sha256(part.cpu().numpy().tobytes()).hexdigest() for part in state.values()]
    return digest(gestures, judged, poses, to_mapping(settings), weights, sorted(spared))


def _record(done: Retrained, people: tuple[str, ...]) -> dict[str, object]:
    def said(one: Measured | None) -> dict[str, object] | None:
        if one is None:
            return None
        figures = {"found": one.found, "right": one.right, "f1": one.f1, "f1_interval": one.f1_interval}
        return {
            "model": one.model,
            **{name: _finite(value) for name, value in figures.items()},
            "ranked": {name: [_finite(each.value), each.interval] for name, each in one.ranked.items()},
            "sums": one.sums.tolist(),
        }

    return {
        "version": done.version,
        "learned_from": list(people),
        "gestures": done.learned[1],
        "measured_on": list(done.people),
        "before": said(done.before),
        "after": said(done.after),
        "gain_f1": done.gain,
        "training": asdict(done.training)["metrics"] if done.training else {},
    }


def _as_recorded(folder: Path) -> Retrained:
    record = record_of(folder)

    def measured(name: str) -> Measured | None:
        one = record[name]
        if not isinstance(one, dict):
            return None
        ranked = {
            figure: Ranked(np.nan if value is None else float(value), None if ends is None else (ends[0], ends[1]))
            for figure, (value, ends) in one.get("ranked", {}).items()  # earlier records have none
        }
        return Measured(str(one["model"]), np.array(one["sums"]).reshape(-1, 3), ranked)

    try:
        return Retrained(
            folder=folder,
            version=str(record["version"]),
            new=False,
            learned=(len(_texts(record, "learned_from")), int(str(record["gestures"]))),
            people=tuple(_texts(record, "measured_on")),
            before=measured("before"),
            after=measured("after"),
            training=None,
        )
    except (KeyError, ValueError, TypeError) as error:
        raise BadInput(
            f"{folder / RECORD} is damaged ({error}). Remove the folder and run `mgcollect annotate retrain`."
        ) from error


def _texts(record: dict[str, object], name: str) -> list[str]:
    found = record.get(name, [])
    return [str(one) for one in found] if isinstance(found, list) else []


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not np.isfinite(value) else value
