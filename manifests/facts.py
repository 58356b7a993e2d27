"""What the tables of a release say of it in numbers: people, hours, classes, agreement. Cards and plots are drawn from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["Facts", "facts_of"]

_UNKNOWN = "not known"


@dataclass(frozen=True)
class Facts:
    """Counts of a release.

    Attributes:
        people: how many.
        genders: people of each.
        countries: likewise.
        birth_years: first and last that are known; None where none is.
        videos: how many.
        outcomes: videos of each.
        platforms: likewise.
        availability: what the links led to -> videos.
        checked: first and last day on which links were followed; None where none was.
        video_hours: length of the recordings.
        clip_hours: length of the clips.
        frames: of all clips.
        clips: how many.
        gestures: of each class, in the order of the taxonomy.
        seconds: (gestures,) their lengths.
        per_person: (people with a gesture,) gestures of each, largest first.
        agreements: (gestures,) share of annotators who support each; without those that nobody counted.
        annotators: how many people annotated.
        annotations: what they marked.
        adjudicated: gestures that a third person decided.
        splits: (protocol, part) -> gestures or videos, and people.
    """

    people: int
    genders: Mapping[str, int]
    countries: Mapping[str, int]
    birth_years: tuple[int, int] | None
    videos: int
    outcomes: Mapping[str, int]
    platforms: Mapping[str, int]
    availability: Mapping[str, int]
    checked: tuple[date, date] | None
    video_hours: float
    clip_hours: float
    frames: int
    clips: int
    gestures: Mapping[str, int]
    seconds: npt.NDArray[np.float64]
    per_person: npt.NDArray[np.int64]
    agreements: npt.NDArray[np.float64]
    annotators: int
    annotations: int
    adjudicated: int
    splits: Mapping[tuple[str, str], tuple[int, int]]

    @property
    def n_gestures(self) -> int:
        """All gestures."""
        return sum(self.gestures.values())

    @property
    def classes(self) -> int:
        """How many classes have a gesture."""
        return sum(count > 0 for count in self.gestures.values())


def facts_of(tables: Mapping[str, pa.Table], labels: Iterable[str]) -> Facts:
    """Count the tables of a release.

    Args:
        tables: every released table but poses.
        labels: the taxonomy.
    """
    players, videos, clips, gestures = (tables[name] for name in ("players", "videos", "clips", "gestures"))
    rate = {
        row["clip_id"]: row["fps_num"] / row["fps_den"]
        for row in clips.select(["clip_id", "fps_num", "fps_den"]).to_pylist()
    }
    seconds = [
        (row["end"] - row["start"]) / rate[row["clip_id"]]
        for row in gestures.select(["clip_id", "start", "end"]).to_pylist()
        if row["clip_id"] in rate
    ]
    days = sorted(moment.date() for moment in videos["checked_at"].to_pylist() if moment.year > 1970)
    years = sorted(year for year in players["birth_year"].to_pylist() if year is not None)
    agreement = np.asarray(gestures["agreement"].to_pylist(), dtype=np.float64)
    classes = Counter(gestures["label"].to_pylist())
    annotations = tables["annotations"]
    return Facts(
        people=players.num_rows,
        genders=_count(players["gender"]),
        countries=_count(players["country"]),
        birth_years=(years[0], years[-1]) if years else None,
        videos=videos.num_rows,
        outcomes=_count(videos["outcome"]),
        platforms=_count(videos["platform"]),
        availability=_count(videos["availability"]),
        checked=(days[0], days[-1]) if days else None,
        video_hours=float(pc.sum(videos["duration_s"]).as_py() or 0) / 3600,
        clip_hours=sum(frames / rate[clip] for clip, frames in _pairs(clips, "clip_id", "n_frames")) / 3600,
        frames=int(pc.sum(clips["n_frames"]).as_py() or 0),
        clips=clips.num_rows,
        gestures={label: classes[label] for label in [*labels, *sorted(classes.keys() - set(labels))]},
        seconds=np.asarray(seconds),
        per_person=np.asarray(sorted(Counter(gestures["player_id"].to_pylist()).values(), reverse=True), np.int64),
        agreements=agreement[np.isfinite(agreement)],
        annotators=len(set(annotations["annotator_id"].to_pylist())),
        annotations=int(pc.sum(pc.equal(annotations["verdict"], "gesture")).as_py() or 0),
        adjudicated=int(pc.sum(gestures["adjudicated"]).as_py() or 0),
        splits=_splits(tables["splits"]),
    )


def _count(column: pa.ChunkedArray) -> dict[str, int]:
    """How often each value stands, most frequent first."""
    counts = Counter(value or _UNKNOWN for value in column.to_pylist())
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _pairs(table: pa.Table, *columns: str) -> Iterable[tuple[str, int]]:
    return zip(*(table[column].to_pylist() for column in columns), strict=True)


def _splits(splits: pa.Table) -> dict[tuple[str, str], tuple[int, int]]:
    first = splits.filter(pc.equal(splits["draw"], 0))
    counts = first.group_by(["protocol", "part"]).aggregate([("item_id", "count"), ("player_id", "count_distinct")])
    return {
        (row["protocol"], row["part"]): (row["item_id_count"], row["player_id_count_distinct"])
        for row in counts.sort_by([("protocol", "ascending"), ("part", "ascending")]).to_pylist()
    }
