"""How far a spotter's scores can be believed: how often candidates of a score are right, and its plot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = ["PLOT", "Reliability", "draw_reliability", "reliability_of"]

PLOT = "reliability.png"
_BINS = 10
_COLOUR = "#2a6f97"


@dataclass(frozen=True)
class Reliability:
    """How often candidates of a chance are right, on the held-out people; what a reliability plot shows.

    Attributes:
        chance: (bins,) mean chance of the candidates of each bin that has any.
        right: (bins,) share of them that is right.
        count: (bins,) how many they are.
    """

    chance: npt.NDArray[np.float64]
    right: npt.NDArray[np.float64]
    count: npt.NDArray[np.int64]


def reliability_of(chance: npt.NDArray[np.float64], right: npt.NDArray[np.bool_]) -> Reliability:
    """Candidates in ten bins of equal width, by their chance."""
    place = np.minimum((chance * _BINS).astype(np.int64), _BINS - 1)
    filled = np.unique(place)
    return Reliability(
        np.array([chance[place == b].mean() for b in filled]),
        np.array([right[place == b].mean() for b in filled]),
        np.array([(place == b).sum() for b in filled], dtype=np.int64),
    )


def draw_reliability(found: Reliability, path: Path) -> None:
    """Draw chances against what came true, with the 95 % interval of each share (Wilson's); on the diagonal a score means itself."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=1)
    low, high = _wilson(found.right, found.count)
    axes.vlines(found.chance, low, high, color=_COLOUR, linewidth=1)
    axes.plot(found.chance, found.right, "o-", color=_COLOUR)
    for chance, top, count in zip(found.chance, high, found.count, strict=True):
        axes.annotate(
            f"{count:,}", (chance, top), (0, 2), textcoords="offset points", ha="center", va="bottom", fontsize=7
        )
    axes.set(xlim=(0, 1), ylim=(0, 1.05), xlabel="chance that it is right, as scored", ylabel="share that is right")
    axes.set_title("Candidates on held-out people", loc="left", fontsize=10)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _wilson(
    share: npt.NDArray[np.float64], count: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The 95 % interval of a share of a count (Wilson, Journal of the American Statistical Association 22, 1927)."""
    z2 = 1.96**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = 1.96 / (1 + z2 / count) * np.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return middle - half, middle + half
