"""A release as the tasks see it: gestures with their poses, and who is learned from and who is tested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.sides import read_sides
from manifests.errors import BadInput
from manifests.importers.rows import UNKNOWN_PERSON
from manifests.poses import Poses
from manifests.release import Release
from manifests.splits import CROSS_SUBJECT, given_people
from manifests.tables import Row

__all__ = [
    "FEW_PEOPLE",
    "MANY_FOLDS",
    "OUTSIDE",
    "Corpus",
    "Fold",
    "Protocol",
    "Sample",
    "Video",
    "describe",
    "folds_of_people",
    "many",
]

Ints = npt.NDArray[np.int64]

FEW_PEOPLE = 10  # up to here one train and test split says too little: everyone is tested once instead
MANY_FOLDS = 10
OUTSIDE = 24  # stretches without a gesture, of a recording


@dataclass(frozen=True)
class Sample:
    """What a method sees of one gesture. Its class is not in it.

    Attributes:
        gesture_id: the gesture.
        player_id: whose it is; a method may hold out people to choose its settings.
        video_id: the recording.
        fps: frames a second.
        poses: of its frames; see `manifests.poses.Poses` for skeleton, positions, confidence and unit.
    """

    gesture_id: str
    player_id: str
    video_id: str
    fps: float
    poses: Poses


@dataclass(frozen=True)
class Video:
    """What a method sees of one recording. How the match ended is not in it.

    Attributes:
        video_id: the recording.
        player_id: whose it is.
        minutes: length of its clips.
        labels: (gestures,) classes of its gestures, as annotated.
        samples: its gestures.
    """

    video_id: str
    player_id: str
    minutes: float
    labels: Ints
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class Fold:
    """Rows to learn from and rows to test on; no person has rows in both."""

    train: Ints
    test: Ints


@dataclass(frozen=True)
class Protocol:
    """How people are divided.

    Attributes:
        name: in words, for the report.
        test_people: the people tested in each fold.
        train_people: the people learned from in each fold.
    """

    name: str
    train_people: tuple[frozenset[str], ...]
    test_people: tuple[frozenset[str], ...]

    def folds(self, people: list[str]) -> list[Fold]:
        """The rows of each fold, given each row's person."""
        return [
            Fold(_rows(people, train), _rows(people, test))
            for train, test in zip(self.train_people, self.test_people, strict=True)
        ]


def _rows(people: list[str], wanted: frozenset[str]) -> Ints:
    return np.array([i for i, person in enumerate(people) if person in wanted], dtype=np.int64)


class Corpus:
    """A release, opened for the tasks.

    Attributes:
        release: the release.
        named: the protocol of the release that is scored, however few its people; None lets their number decide.
        gestures: rows of the gestures table whose poses are there, by gesture_id; all arrays below run along them.
        notes: what a reader of the scores must know.

    Raises:
        BadInput: a label that is no class, a gesture outside its clip, a split that has a person in train and in test, or
            no protocol of that name.
    """

    def __init__(self, release: Release, named: str | None = None) -> None:
        self.release, self.named = release, named
        self.clips: dict[str, Row] = {row["clip_id"]: row for row in release.table("clips").to_pylist()}
        rows = release.table("gestures").sort_by("gesture_id").to_pylist()
        for row in rows:
            _check_gesture(row, self.clips, release.labels)
            if named and row["player_id"] == UNKNOWN_PERSON:
                row["player_id"] = row["gesture_id"]
        self.all_gestures: list[Row] = rows
        self.gestures, self.samples = self._with_poses(rows)
        self.notes = self._notes()
        person_of = {row["gesture_id"]: row["player_id"] for row in rows}
        person_of |= {row["video_id"]: row["player_id"] for row in release.table("videos").to_pylist()}
        person_of |= {clip_id: clip["player_id"] for clip_id, clip in self.clips.items()}
        self._sides = read_sides(release, person_of, named)

    @cached_property
    def labels(self) -> Ints:
        """(n,) class of each gesture, its index in the taxonomy."""
        return np.array([self.taxonomy.index(row["label"]) for row in self.gestures], dtype=np.int64)

    @property
    def taxonomy(self) -> tuple[str, ...]:
        """The labels of the release, in the order of their index."""
        return self.release.labels

    @property
    def n_classes(self) -> int:
        return len(self.taxonomy)

    @cached_property
    def people(self) -> list[str]:
        """The person of each gesture."""
        return [row["player_id"] for row in self.gestures]

    @cached_property
    def videos(self) -> list[str]:
        """The recording of each gesture."""
        return [row["video_id"] for row in self.gestures]

    @cached_property
    def simulated(self) -> bool:
        """Whether any of its recordings was simulated."""
        return "simulated" in self.release.table("videos", ["platform"])["platform"].to_pylist()

    def protocol(self) -> Protocol | None:
        """How the people who have gestures are divided; None where there are fewer than two."""
        people = {row["player_id"] for row in self.all_gestures}
        return self.protocol_for(people) if len(people) > 1 else None

    def protocol_for(self, people: Iterable[str]) -> Protocol:
        """The release's cross-subject split, or folds where people are few or there is no split."""
        people = sorted(set(people))
        if (self.named or len(people) > FEW_PEOPLE) and (split := self.split()):
            return split
        return folds_of_people(people)

    def split(self) -> Protocol | None:
        """The release's split, cross-subject unless another is named; None where it has none. Validation counts as train."""
        sides = self._sides.get(self.named or CROSS_SUBJECT)
        if sides is None or not all(sides.people.values()):
            return None
        train, test = (frozenset(sides.people[side]) for side in ("train", "test"))
        what = "gestures" if self._anonymous else "people"
        split = (self.named or CROSS_SUBJECT).replace("_", "-")
        name = f"the release's {split} split, {len(train)} {what} to learn from and {len(test)} to test on"
        return Protocol(name, (train,), (test,))

    @property
    def _anonymous(self) -> int:
        """How many gestures are of nobody knows whom, each taken for a person of its own."""
        return sum(row["player_id"] == row["gesture_id"] for row in self.all_gestures)

    def sides(self, protocol: str, unit: str) -> dict[str, str]:
        """item_id -> train or test in the protocol that the release has for one task; empty where it has none."""
        sides = self._sides.get(protocol)
        return sides.of if sides is not None and sides.unit == unit else {}

    def labelled(self, draw: int, fraction: float) -> npt.NDArray[np.bool_]:
        """(n,) whether a gesture keeps its label when `fraction` of train does, in one of the release's draws."""
        kept = {item for item, shares in self._label_draws[draw].items() if np.float32(fraction) in shares}
        return np.array([row["gesture_id"] in kept for row in self.gestures], dtype=bool)

    @property
    def label_draws(self) -> list[int]:
        """The draws of labels that the release holds."""
        return sorted(self._label_draws)

    @cached_property
    def _label_draws(self) -> dict[int, dict[str, set[np.float32]]]:
        draws: dict[int, dict[str, set[np.float32]]] = {}
        splits = self.release.table("splits")
        if self.named not in (None, CROSS_SUBJECT):
            # A split that an imported set came with has no draws of its own.
            columns = ("gesture_id", "player_id", "label")
            gestures = pa.table({name: [row[name] for row in self.all_gestures] for name in columns})
            sides = self._sides[self.named].people
            splits = given_people(gestures, {person: side for side, there in sides.items() for person in there})
        for row in splits.to_pylist():
            if row["protocol"] == CROSS_SUBJECT and row["part"] != "test":
                draws.setdefault(row["draw"], {})[row["item_id"]] = {np.float32(share) for share in row["labelled"]}
        return draws

    def videos_won_or_lost(self) -> tuple[list[Video], npt.NDArray[np.bool_]]:
        """Recordings whose match is known to be won or lost, and which were won."""
        minutes: Counter[str] = Counter()
        for clip in self.clips.values():
            minutes[clip["video_id"]] += clip["n_frames"] * clip["fps_den"] / clip["fps_num"] / 60
        of_video: dict[str, list[int]] = {}
        for i, video in enumerate(self.videos):
            of_video.setdefault(video, []).append(i)
        rows = self.release.table("videos").sort_by("video_id").to_pylist()
        rows = [row for row in rows if row["outcome"] in ("win", "lose") and minutes[row["video_id"]] > 0]
        videos = []
        for row in rows:
            mine = of_video.get(row["video_id"], [])
            samples = tuple(self.samples[i] for i in mine)
            videos.append(
                Video(
                    row["video_id"],
                    row["player_id"],
                    minutes[row["video_id"]],
                    self.labels[np.array(mine, dtype=np.int64)],
                    samples,
                )
            )
        return videos, np.array([row["outcome"] == "win" for row in rows], dtype=bool)

    def outside_gestures(self, videos: list[Video]) -> list[Video]:
        """The same recordings, with stretches of two seconds in which no gesture was marked in place of their gestures.

        At most `OUTSIDE` of each recording, spread evenly over its clips; those without poses give none.
        """
        busy: dict[str, list[Row]] = {}
        for row in self.all_gestures:
            busy.setdefault(row["clip_id"], []).append(row)
        clips: dict[str, list[str]] = {}
        for clip_id, clip in sorted(self.clips.items()):
            clips.setdefault(clip["video_id"], []).append(clip_id)
        return [
            replace(
                video,
                samples=tuple(
                    sample
                    for clip_id in clips[video.video_id]
                    for sample in self._free(clip_id, busy.get(clip_id, []), OUTSIDE // len(clips[video.video_id]) or 1)
                ),
            )
            for video in videos
        ]

    def _free(self, clip_id: str, gestures: list[Row], count: int) -> list[Sample]:
        try:
            poses = self.release.poses(clip_id)
        except KeyError:
            return []
        clip = self.clips[clip_id]
        fps = clip["fps_num"] / clip["fps_den"]
        length = max(2, round(2 * fps))
        free = np.ones(len(poses.keypoints), dtype=bool)
        for row in gestures:
            free[row["start"] : row["end"]] = False
        starts = [s for s in range(0, len(free) - length + 1, length) if free[s : s + length].all()]
        if not starts:
            return []
        picked = np.unique(np.linspace(0, len(starts) - 1, min(count, len(starts))).round().astype(int))
        return [
            Sample(
                f"{clip_id}-{starts[i]}",
                clip["player_id"],
                clip["video_id"],
                fps,
                _window(poses, starts[i], starts[i] + length),
            )
            for i in picked
        ]

    def _with_poses(self, rows: list[Row]) -> tuple[list[Row], list[Sample]]:
        """Gestures that have poses, and their samples; a clip's poses are read once."""
        samples: dict[str, Sample] = {}
        of_clip: dict[str, list[Row]] = {}
        for row in rows:
            of_clip.setdefault(row["clip_id"], []).append(row)
        for clip_id, gestures in of_clip.items():
            try:
                poses = self.release.poses(clip_id)
            except KeyError:
                continue
            clip = self.clips[clip_id]
            for row in gestures:
                if row["end"] <= len(poses.keypoints):
                    samples[row["gesture_id"]] = Sample(
                        row["gesture_id"],
                        row["player_id"],
                        row["video_id"],
                        clip["fps_num"] / clip["fps_den"],
                        _window(poses, row["start"], row["end"]),
                    )
        kept = [row for row in rows if row["gesture_id"] in samples]
        return kept, [samples[row["gesture_id"]] for row in kept]

    def _notes(self) -> list[str]:
        notes = []
        if self._anonymous:
            notes.append(
                f"Nobody knows whose {self._anonymous} of the gestures are. Each is taken for a person of its own: the same "
                "people may be on both sides, intervals are over gestures, and settings are chosen by gestures held out."
            )
        if note := self.release.info.get("note"):
            notes.append(str(note))
        annotators = set(self.release.table("annotations", ["annotator_id"])["annotator_id"].to_pylist())
        scripted = sorted(name for name in annotators if "script" in name.lower())
        if scripted:
            notes.append(
                f"The annotators are scripted ({', '.join(scripted)}): a program marked the gestures, so these scores say "
                "that the path works, and nothing about people."
            )
        if lacking := len(self.all_gestures) - len(self.gestures):
            notes.append(
                f"{lacking} of {len(self.all_gestures)} gestures have no poses and are left out, except in spotting."
            )
        return notes


def _window(poses: Poses, start: int, end: int) -> Poses:
    # Copied, so that the clip's other frames can go.
    keypoints, boxes = poses.keypoints[start:end].copy(), poses.boxes[start:end].copy()
    return replace(poses, keypoints=keypoints, boxes=boxes, first_frame=start)


def folds_of_people(people: list[str]) -> Protocol:
    """Everyone is tested once and learned from otherwise: leave one person out, or ten folds where people are many."""
    if len(people) <= MANY_FOLDS:
        name = f"leave one person out, {many(len(people), 'person', 'people')}"
        groups = [frozenset([person]) for person in people]
    else:
        name = f"{MANY_FOLDS} folds of {len(people)} people"
        order = np.random.default_rng(0).permutation(people).tolist()
        groups = [frozenset(order[fold::MANY_FOLDS]) for fold in range(MANY_FOLDS)]
    everyone = frozenset(people)
    return Protocol(name, tuple(everyone - group for group in groups), tuple(groups))


def _check_gesture(row: Row, clips: dict[str, Row], labels: tuple[str, ...]) -> None:
    where = f"table gestures, gesture {row['gesture_id']}"
    if row["label"] not in labels:
        raise BadInput(
            f"{where}: {row['label']!r} is none of the {len(labels)} classes. Run `mgcollect release verify`."
        )
    clip = clips.get(row["clip_id"])
    if clip is None or not 0 <= row["start"] < row["end"] <= clip["n_frames"]:
        raise BadInput(
            f"{where}: frames {row['start']} to {row['end']} are not in clip {row['clip_id']}. "
            "Run `mgcollect release verify`."
        )


def describe(rows: list[Row]) -> str:
    """Such as "12 gestures of 3 classes by 2 people"."""
    classes, people = {row["label"] for row in rows}, {row["player_id"] for row in rows}
    by = (
        many(len(people), "person", "people")
        if not people <= {row["gesture_id"] for row in rows}
        else "nobody knows whom"
    )
    return f"{many(len(rows), 'gesture')} of {many(len(classes), 'class', 'classes')} by {by}"


def many(n: int, one: str, more: str | None = None) -> str:
    """ "1 clip", "2 clips"."""
    return f"{n} {one if n == 1 else more or one + 's'}"
