"""The page of a sample: what was drawn beside what there was. No script, nothing from the network."""

from __future__ import annotations

import io
from collections import Counter
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from models.sampling.draw import Drawn
from models.sampling.scores import FACTORS, ScoredWindows
from models.store import PoseStore

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["PAGE", "draw_page"]

PAGE = "sample.html"

_ALL, _DRAWN = "#999999", "#0072b2"
_SHOWN = 8  # windows in a table, people and kinds of movement by name
_STYLE = """
body {font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #1b1b1b}
h1 {font-size: 1.6em; margin-bottom: 0} h2 {font-size: 1.15em; margin: 2em 0 .4em} p {color: #444}
table {border-collapse: collapse; width: 100%} svg {max-width: 100%; height: auto}
th, td {text-align: left; padding: .2em .8em .2em 0; border-bottom: 1px solid #ddd; font-variant-numeric: tabular-nums}
"""
_MEANING = {
    "confidence": "mean confidence of the upper body’s joints",
    "hands": "share of the time that each hand is in view",
    "face": "share of the time that the face’s points are in view",
    "alone": "one over the number of people in the picture",
    "steady": "1 where the camera stands still",
    "motion": "share of the time that a hand or the head moves as in a small gesture",
}


def draw_page(store: PoseStore, windows: ScoredWindows, drawn: Drawn, settings: dict[str, Any]) -> str:
    """The page as HTML; the same sample gives the same bytes."""
    rows = drawn.rows
    best = rows[np.argsort(-windows.score[rows], kind="stable")[:_SHOWN]]
    left = np.setdiff1d(np.arange(len(windows)), rows)
    worst = left[np.argsort(windows.score[left], kind="stable")[:_SHOWN]]
    parts = [
        f"<p>{len(rows):,} of {len(windows):,} windows of {store.skeleton.name} poses were drawn; their mean score is "
        f"{windows.score[rows].mean():.3f}, that of all is {windows.score.mean():.3f}.</p>",
        "<h2>What windows are like</h2><p>Grey: all windows. Blue: those drawn.</p>" + _plot(_factors, windows, drawn),
        "<ul>" + "".join(f"<li>{name}: {text}</li>" for name, text in _MEANING.items()) + "</ul>",
        "<h2>Whose they are, and what moves in them</h2>"
        + _plot(lambda f, w, d: _balance(f, store, w, d), windows, drawn),
        "<h2>The best that were drawn</h2>" + _table(store, windows, best),
        "<h2>The worst of the others</h2>" + _table(store, windows, worst),
        "<h2>Settings</h2>"
        + "".join(f"<p>{escape(name)}: {escape(_line(group))}</p>" for name, group in settings.items()),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sample</title>'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>Windows for pre-training</h1>{''.join(parts)}</body></html>\n"
    )


def _line(group: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in group.items())


def _plot(paint: Any, windows: ScoredWindows, drawn: Drawn) -> str:
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "mgcollect", "font.family": "DejaVu Sans", "font.size": 9.0}):
        figure = Figure()
        FigureCanvasSVG(figure)
        paint(figure, windows, drawn)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def _factors(figure: Figure, windows: ScoredWindows, drawn: Drawn) -> None:
    figure.set_size_inches(9, 4)
    figure.subplots_adjust(0.06, 0.08, 0.99, 0.93, wspace=0.3, hspace=0.45)
    columns = [*((name, windows.factors[:, i]) for i, name in enumerate(FACTORS)), ("score", windows.score)]
    for axes, (name, values) in zip(figure.subplots(2, 4).flat, columns, strict=False):
        for part, colour in ((values, _ALL), (values[drawn.rows], _DRAWN)):
            axes.hist(part, bins=np.linspace(0, 1, 26), density=True, color=colour, alpha=0.6)
        axes.set_title(name, loc="left")
        axes.set_yticks([])
    figure.axes[7].set_axis_off()


def _balance(figure: Figure, store: PoseStore, windows: ScoredWindows, drawn: Drawn) -> None:
    figure.set_size_inches(9, 2.6)
    figure.subplots_adjust(0.06, 0.18, 0.99, 0.88, wspace=0.2)
    people, kinds = figure.subplots(1, 2)
    _shares(people, store.people[windows.item], drawn.rows)
    people.set_title("share of each person’s windows", loc="left")
    people.set_xlabel("people, most windows first")
    _shares(kinds, drawn.cluster.astype(str), drawn.rows)
    kinds.set_title("share of each kind of movement", loc="left")
    kinds.set_xlabel("kinds, most windows first")


def _shares(axes: Axes, group: npt.NDArray[np.str_], rows: npt.NDArray[np.int64]) -> None:
    before, after = Counter(group.tolist()), Counter(group[rows].tolist())
    order = [name for name, _ in before.most_common()]
    places = np.arange(len(order))
    for counts, total, colour in ((before, len(group), _ALL), (after, len(rows), _DRAWN)):
        axes.bar(places, [counts[name] / total for name in order], width=0.9, color=colour, alpha=0.6)
    axes.set_xticks([])


def _table(store: PoseStore, windows: ScoredWindows, rows: npt.NDArray[np.int64]) -> str:
    head = "".join(f"<th>{name}</th>" for name in ("clip", "frames", "person", "score", *FACTORS))
    lines = []
    for row in rows:
        item, start = windows.item[row], windows.start[row]
        cells = [
            str(store.names[item])[:13],
            f"{start}–{start + windows.length[row]}",
            str(store.people[item]),
            f"{windows.score[row]:.3f}",
            *(f"{value:.2f}" for value in windows.factors[row]),
        ]
        lines.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"
