"""Plots for the cards of a release, as PNG and SVG; the same facts give the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from manifests.facts import Facts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_plots"]

_COLOUR = "#2a6f97"
_SHOWN_COUNTRIES = 15
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "mgcollect",  # else the ids in an SVG differ from run to run
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is everywhere
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw_plots(facts: Facts, folder: Path) -> list[str]:
    """Draw the classes, the gestures and the people of a release.

    Returns:
        The names of the plots, without suffix: of each a .png and a .svg was written.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    names = []
    with matplotlib.rc_context(_STYLE):
        for name, draw in (("classes", _classes), ("gestures", _gestures), ("people", _people)):
            figure = Figure()
            FigureCanvasAgg(figure)
            draw(figure, facts)
            figure.savefig(folder / f"{name}.png", dpi=110, metadata={"Software": None})
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
            names.append(name)
    return names


def _classes(figure: Figure, facts: Facts) -> None:
    figure.set_size_inches(6.5, max(2.0, 0.19 * len(facts.gestures) + 0.9))
    _margins(figure, left=2.1, right=0.3, bottom=0.45, top=0.3)
    axes = figure.subplots()
    _bars(axes, [label.replace("_", " ") for label in facts.gestures], list(facts.gestures.values()))
    axes.set_xlabel("gestures")
    axes.set_title(f"{facts.n_gestures:,} gestures in {facts.classes} of {len(facts.gestures)} classes", loc="left")


def _gestures(figure: Figure, facts: Facts) -> None:
    figure.set_size_inches(8.5, 2.8)
    _margins(figure, left=0.65, right=0.15, bottom=0.5, top=0.35, wspace=0.3)
    length, person, agreement = figure.subplots(1, 3)
    if len(facts.seconds):
        longest = max(float(np.quantile(facts.seconds, 0.99, method="higher")), 0.1)
        length.hist(facts.seconds, bins=np.linspace(0, longest, 25), color=_COLOUR)
    length.set_title("length of gestures", loc="left")
    length.set_xlabel("seconds (up to the 99th percentile)")
    length.set_ylabel("gestures")
    person.bar(np.arange(1, len(facts.per_person) + 1), facts.per_person, width=0.9, color=_COLOUR)
    person.set_title("gestures of each person", loc="left")
    person.set_xlabel("people, most gestures first")
    person.xaxis.get_major_locator().set_params(integer=True)
    if len(facts.agreements):
        agreement.hist(facts.agreements, bins=np.linspace(0, 1, 11), color=_COLOUR)
    else:
        agreement.text(0.5, 0.5, "not counted", ha="center", va="center", transform=agreement.transAxes)
    agreement.set_xlim(0, 1)
    agreement.set_title("agreement", loc="left")
    agreement.set_xlabel("share of annotators for the label")
    for axes in (length, agreement):
        axes.yaxis.get_major_locator().set_params(integer=True)


def _people(figure: Figure, facts: Facts) -> None:
    countries = dict(list(facts.countries.items())[:_SHOWN_COUNTRIES])
    if rest := sum(facts.countries.values()) - sum(countries.values()):
        countries["others"] = rest
    rows = max(len(countries), len(facts.genders), len(facts.outcomes), 3)
    figure.set_size_inches(8.5, 0.2 * rows + 1.2)
    _margins(figure, left=0.8, right=0.15, bottom=0.5, top=0.35, wspace=0.45)
    for axes, title, counts in zip(
        figure.subplots(1, 3),
        ("gender", "country", "outcome before the video"),
        (facts.genders, countries, facts.outcomes),
        strict=True,
    ):
        _bars(axes, list(counts), list(counts.values()))
        axes.set_title(title, loc="left")
        axes.set_xlabel("videos" if title.startswith("outcome") else "people")


def _margins(figure: Figure, *, left: float, right: float, bottom: float, top: float, wspace: float = 0.2) -> None:
    """Margins in inches; fixed, because working them out takes seconds."""
    width, height = figure.get_size_inches()
    figure.subplots_adjust(left / width, bottom / height, 1 - right / width, 1 - top / height, wspace)


def _bars(axes: Any, names: list[str], counts: list[int]) -> None:
    """Horizontal bars from the top, each with its number."""
    places = np.arange(len(names))
    bars = axes.barh(places, counts, color=_COLOUR, height=0.75)
    axes.bar_label(bars, labels=[f"{count:,}" for count in counts], padding=2, fontsize=7)
    axes.set_yticks(places, names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, 1.15 * max([*counts, 1]))
    axes.xaxis.get_major_locator().set_params(integer=True, nbins=5)
