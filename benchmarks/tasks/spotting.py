"""Spotting: where in a clip is a gesture, and which?

True segments are the agreed gestures of all clips that annotators judged, those without a gesture included. F1 needs a least
score from which a detection counts; it is the one with the best strict F1 on the people learned from, never chosen on test.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmarks.corpus import Corpus, Fold, many
from benchmarks.methods import Method
from benchmarks.metrics.intervals import Estimate, estimate, from_resamples, resample_people, sums_by_person
from benchmarks.recognise import number
from benchmarks.scores import Result
from manifests.errors import ItemFailed
from manifests.tables import Row
from models.spot.metrics import (
    AVERAGE_NUMBERS,
    TIOUS,
    Segments,
    average_recall,
    lenient_found,
    mean_average_precision,
    strict_found,
    top_by_clip,
)
from models.spot.streams import judged_clips

NAME = "spotting"
SHOWN = ("f1_strict", "map", "ar_10")
WHAT = "Where in a clip is a gesture, and which? (Beyond the paper.)"
NEEDS = "proposals, or a spotter"

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_THRESHOLDS = 50


def requirements(corpus: Corpus) -> list[str]:
    """What is missing."""
    proposals = corpus.release.table("proposals", ["clip_id"]).num_rows
    clips = _judged_clips(corpus)
    if corpus.all_gestures and proposals:
        return []
    return [
        "needs agreed gestures and proposals to compare with them; this release has "
        f"{many(len(corpus.all_gestures), 'gesture')} in {many(len(clips), 'judged clip')}, and {many(proposals, 'proposal')}"
    ]


def can(method: Method) -> bool:
    """Whether the method can do it."""
    return method.proposals_of is not None or method.spot is not None


def score(corpus: Corpus, method: Method, seed: int) -> Result:
    """map (over tIoU 0.1 to 0.7) and map_tiou_0.1 …, ar_1 … ar_100 (average recall at so many detections a clip, of any class),
    f1_strict and f1_lenient (same class, tIoU above 0.3).

    Raises:
        ItemFailed: a proposal has a label outside the taxonomy.
    """
    clips = sorted(_judged_clips(corpus))
    owners = [corpus.clips[clip]["player_id"] for clip in clips]
    places = {clip: i for i, clip in enumerate(clips)}
    true = _segments(corpus.all_gestures, places, corpus.taxonomy)
    found = _segments(_detections(corpus, method, clips), places, corpus.taxonomy).by_score()
    folds = corpus.protocol_for(owners).folds(owners)
    person, n_people = number(owners)

    result = Result()
    tested = np.concatenate([fold.test for fold in folds])
    asked, given = true[np.isin(true.clip, tested)], found[np.isin(found.clip, tested)]
    if not len(asked):
        result.omitted.append("the tested people have no agreed gesture")
        return result
    estimates = (
        _average_precisions(asked, given, person, n_people)
        | _average_recalls(asked, given, person, n_people)
        | _f1(true, found, folds, person, n_people)
    )
    for metric, value in estimates.items():
        result.add(NAME, method.name, seed, metric, value)
    return result


def _detections(corpus: Corpus, method: Method, clips: list[str]) -> list[Row]:
    """Rows of clip_id, start, end, label and score."""
    if method.spot is None:
        proposals = corpus.release.table("proposals").to_pylist()
        return [row for row in proposals if row["model_version"] == method.proposals_of]
    rows: list[Row] = []
    for clip_id in clips:
        clip = corpus.clips[clip_id]
        try:
            poses = corpus.release.poses(clip_id)
        except KeyError:
            continue  # no poses, no detections: its gestures count as missed
        for candidate in method.spot(poses, clip["fps_num"] / clip["fps_den"]):
            where = {"clip_id": clip_id, "start": candidate.start, "end": candidate.end}
            rows.append({**where, "label": candidate.labels[0], "score": candidate.scores[0]})
    return rows


def _judged_clips(corpus: Corpus) -> set[str]:
    said = corpus.release.table("annotations", ["clip_id", "verdict"])
    return judged_clips(said, corpus.release.table("gestures", ["clip_id"])) & corpus.clips.keys()


def _segments(rows: list[Row], places: dict[str, int], taxonomy: tuple[str, ...]) -> Segments:
    rows = [row for row in rows if row["clip_id"] in places]
    if unknown := {row["label"] for row in rows} - set(taxonomy):
        raise ItemFailed(f"label {min(unknown)!r} is none of the {len(taxonomy)} classes.", kind="bad_output")
    return Segments(
        np.array([places[row["clip_id"]] for row in rows], dtype=np.int64),
        np.array([(row["start"], row["end"]) for row in rows], dtype=np.int64).reshape(-1, 2),
        np.array([taxonomy.index(row["label"]) for row in rows], dtype=np.int64),
        np.array([row.get("score", 1.0) for row in rows], dtype=np.float64),
    )


def _average_precisions(true: Segments, found: Segments, person: Ints, n_people: int) -> dict[str, Estimate]:
    """Mean over the classes that have a true segment, at each overlap, and the mean of those."""
    times = np.concatenate([np.ones((1, n_people), dtype=np.int64), resample_people(n_people)])
    values = mean_average_precision(true, found, person, times)
    names = [*(f"map_tiou_{tiou}" for tiou in TIOUS), "map"]
    return {name: _estimate(row, n_people) for name, row in zip(names, values, strict=True)}


def _estimate(values: Floats, n_people: int) -> Estimate:
    return from_resamples(float(values[0]), values[1:] if n_people > 1 else None)


def _average_recalls(true: Segments, found: Segments, person: Ints, n_people: int) -> dict[str, Estimate]:
    estimates = {}
    for n in AVERAGE_NUMBERS:
        recall = np.stack([average_recall(true, top_by_clip(found, n)), np.ones(len(true))], axis=1)
        estimates[f"ar_{n}"] = estimate(sums_by_person(person[true.clip], recall, n_people), _share)
    return estimates


def _f1(true: Segments, found: Segments, folds: list[Fold], person: Ints, n_people: int) -> dict[str, Estimate]:
    # Per person: true segments and detections together, found strictly, found leniently.
    sums = np.zeros((n_people, 3))
    for fold in folds:
        known = np.isin(true.clip, fold.train), np.isin(found.clip, fold.train)
        threshold = _threshold(true[known[0]], found[known[1]])
        asked = true[np.isin(true.clip, fold.test)]
        given = found[np.isin(found.clip, fold.test) & (found.score >= threshold)]
        sums[:, 0] += np.bincount(person[asked.clip], minlength=n_people) + np.bincount(
            person[given.clip], minlength=n_people
        )
        for column, match in ((1, strict_found), (2, lenient_found)):
            sums[:, column] += np.bincount(person[asked.clip], match(asked, given), minlength=n_people)
    return {
        "f1_strict": estimate(sums, lambda s: _share(np.stack([2 * s[:, 1], s[:, 0]], axis=1))),
        "f1_lenient": estimate(sums, lambda s: _share(np.stack([2 * s[:, 2], s[:, 0]], axis=1))),
    }


def _threshold(true: Segments, found: Segments) -> float:
    """The least score with the best strict F1; any score will do where there is nothing to learn from."""
    if not len(true) or not len(found):
        return -np.inf
    candidates = np.unique(np.quantile(found.score, np.linspace(0, 1, _THRESHOLDS), method="lower"))
    kept = [found[found.score >= candidate] for candidate in candidates]
    f1 = [2 * strict_found(true, some).sum() / (len(true) + len(some)) for some in kept]
    return float(candidates[int(np.argmax(f1))])


def _share(sums: Floats) -> Floats:
    part, whole = sums[:, 0], sums[:, 1]
    return np.asarray(np.divide(part, whole, out=np.full(len(sums), np.nan), where=whole > 0))
