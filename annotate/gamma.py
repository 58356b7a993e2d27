"""Gamma: do annotators see the same gestures at the same places, taken together, beyond what chance would give?

Mathet, Widlöcher and Métivier, The Unified and Holistic Method Gamma, Computational Linguistics 41(3), 2015. Places and classes are
judged in one: two annotators' gestures are aligned so that the disorder is least, and gamma is 1 less that disorder's share of what
it would be by chance. 1 is full agreement, 0 what chance gives, and below 0 is worse than that.

As everywhere in `annotate.agree`, annotators are compared by twos and the comparisons pooled. For two the best alignment is an
assignment problem, which is solved exactly. What somebody marked in one clip, moved round it by chance, is what they might have
marked in another without looking (their section 5.2, with a corpus of clips in the place of one text).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from annotate.opinions import Opinion
from manifests.taxonomy import LABELS

__all__ = ["Units", "disorder", "gamma_sums", "units_of"]

Units = npt.NDArray[np.float64]
"""(n, 3) start, end and number of the class."""

_EMPTY = 1.0  # disorder of a gesture that only one annotator marked; the unit of all others
_POSITION, _CATEGORY = 1.0, 1.0  # weights (alpha and beta) of the two dissimilarities
_DRAWS = 3000  # comparisons by chance, for all clips together; at least one for each real one

_CLASS: dict[str, int] = {label: index for index, label in enumerate(LABELS)}


def units_of(opinion: Opinion) -> Units:
    """What an annotator marked."""
    rows = [(s.start, s.end, _CLASS[s.label]) for s in opinion.segments]
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def disorder(a: Units, b: Units) -> float:
    """The least disorder of an alignment of two annotators' gestures: the sum over its pairs, and over what is in none.

    Two gestures are as unlike as their starts and ends are apart together, as a share of both lengths, squared; and 1 more if their
    classes differ. One that stands alone is 1. The paper's disorder is this one divided by the mean number of gestures, which the
    quotient with chance does without, and so clips can be added up.
    """
    if not len(a) or not len(b):
        return _EMPTY * (len(a) + len(b))
    # Each may be paired with one of the other's or with nothing; nothing with nothing costs nothing.
    cost = np.zeros((len(a) + len(b), len(a) + len(b)))
    cost[: len(a), : len(b)] = _unlike(a, b)
    cost[: len(a), len(b) :] = _EMPTY
    cost[len(a) :, : len(b)] = _EMPTY
    return float(cost[linear_sum_assignment(cost)].sum())


def gamma_sums(
    judged: Mapping[str, Sequence[Opinion]], n_frames: Mapping[str, int], seed: int = 0
) -> npt.NDArray[np.float64]:
    """(clips, 2): what each clip adds to the disorder between its annotators, and to that which chance would give.

    Gamma of some clips is 1 less the quotient of their sums.

    Args:
        judged: opinions of clips that at least two annotators judged.
        n_frames: length of each clip.
    """
    marked = {clip: [units_of(opinion) for opinion in of_clip] for clip, of_clip in judged.items()}
    everything = [(units, n_frames[clip]) for clip, of_clip in marked.items() for units in of_clip]
    pairs = sum(len(of_clip) * (len(of_clip) - 1) // 2 for of_clip in marked.values())
    draws = max(1, -(-_DRAWS // max(1, pairs)))
    lengths = np.concatenate([units[:, 1] - units[:, 0] for units, _ in everything]) if everything else np.zeros(0)
    apart = float(lengths.mean()) / 2 if len(lengths) else 0.0
    rng = np.random.default_rng(seed)
    sums = np.zeros((len(marked), 2))
    for row, (clip, of_clip) in enumerate(marked.items()):
        for a, b in combinations(of_clip, 2):
            sums[row, 0] += disorder(a, b)
            chance = [disorder(*_by_chance(everything, n_frames[clip], apart, rng)) for _ in range(draws)]
            sums[row, 1] += float(np.mean(chance))
    return sums


def _unlike(a: Units, b: Units) -> npt.NDArray[np.float64]:
    """(len(a), len(b)) dissimilarity of position and class."""
    starts, ends = (np.abs(a[:, None, i] - b[None, :, i]) for i in (0, 1))
    lengths = (a[:, 1] - a[:, 0])[:, None] + (b[:, 1] - b[:, 0])[None]
    position = ((starts + ends) / lengths) ** 2 * _EMPTY
    category = (a[:, None, 2] != b[None, :, 2]) * _EMPTY
    return np.asarray(_POSITION * position + _CATEGORY * category)


def _by_chance(
    everything: Sequence[tuple[Units, int]], n_frames: int, apart: float, rng: np.random.Generator
) -> tuple[Units, Units]:
    """What two people marked somewhere, moved round the clip by chance distances that are at least `apart` frames apart.

    So nobody is compared with the same things at the same places. Where clips differ in length, a start keeps its place as a share of
    the clip; gestures stay as long as they are.
    """
    least = min(apart / n_frames, 0.5)
    first = rng.random()
    second = first + rng.uniform(least, 1 - least)
    found = []
    for moved in (first, second):
        units, length = everything[int(rng.integers(len(everything)))]
        starts = (units[:, 0] / length + moved) % 1.0 * n_frames
        found.append(np.column_stack([starts, starts + units[:, 1] - units[:, 0], units[:, 2]]))
    return found[0], found[1]
