"""The report as Markdown and as one HTML page that needs no network."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

import numpy as np

from benchmarks.differences import Difference
from benchmarks.figures import Figure
from benchmarks.report import BenchmarkReport, Cost, Line
from benchmarks.scores import Result
from benchmarks.tasks import TASKS

__all__ = ["html_page", "markdown_page"]

_HOW_TO_READ = (
    "Values run from 0 to 1. In brackets: the 95 % interval over people (bootstrap; none where one person was tested; rough "
    "where few were). After ±: the standard deviation over seeds, where they differ. Higher is better, but for "
    "median_rank_share and permutation_p."
)


_HOW_RANKED = "The first metric of each task, with its interval; in brackets the rank."
_HOW_APART = (
    "Paired over people and seeds: both methods in the same resamples. In brackets the 95 % interval; p is two-sided and "
    "corrected for all differences in that task and metric (Holm)."
)
_HOW_COSTLY = "On one core, beside whatever else ran. Parameters: numbers learned, where the method says."


def markdown_page(report: BenchmarkReport, figures: Sequence[Figure] = ()) -> str:
    """The report as Markdown."""
    parts = [f"# {report.title}", f"sha256 `{report.digest}`; {report.contents}; {report.protocol}."]
    parts += [f"**{note}**" for note in report.notes]
    parts.append(_HOW_TO_READ)
    parts += [f"## {report.heading('all tasks')}", _HOW_RANKED, _plain_table(*_overview(report))]
    for task in report.tasks:
        if lines := report.lines(task):
            parts += [f"## {report.heading(task)}", TASKS[task].WHAT, _markdown_table(lines)]
            if apart := [d for d in report.differences if d.task == task]:
                parts += [_HOW_APART, _bullets([(f"{d.what}: {d.first} minus {d.second}", str(d)) for d in apart])]
            parts += [f"![{f.caption}](figures/{f.name}.svg)" for f in figures if f.task == task]
    if report.not_scored:
        parts += [f"## {report.heading('not scored, and why')}", _bullets(_not_scored(report))]
    if report.failures:
        parts += [f"## {report.heading('failed')}", _bullets(_failures(report))]
    parts += [f"## {report.heading('what it cost')}", _HOW_COSTLY, _plain_table(*_costs(report))]
    parts += [
        f"## {report.heading('to repeat it')}",
        "\n".join(f"- {name}: {value}" for name, value in _repeat(report)),
    ]
    return "\n\n".join(parts) + "\n"


def _plain_table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def _overview(report: BenchmarkReport) -> tuple[list[str], list[list[str]]]:
    """Every method in the first metric of every task, with its rank."""
    cells: dict[str, dict[str, str]] = {}
    head = []
    for task in report.tasks:
        lines = [line for line in report.lines(task) if line.metric == TASKS[task].SHOWN[0]]
        most = max((line.fraction or 1.0 for line in lines), default=1.0)
        ranked = sorted((line for line in lines if (line.fraction or 1.0) == most), key=lambda line: -line.value)
        if not ranked:
            continue
        head.append(f"{task}: {ranked[0].what}")
        for line in ranked:
            rank = 1 + sum(other.value > line.value for other in ranked)
            cells.setdefault(line.method, {})[head[-1]] = f"{line} ({rank}.)"
    return ["method", *head], [[method, *(row.get(name, "") for name in head)] for method, row in cells.items()]


def _costs(report: BenchmarkReport) -> tuple[list[str], list[list[str]]]:
    """Seconds and memory of each task by each method, mean over the seeds."""
    groups: dict[tuple[str, str], list[Cost]] = {}
    for cost in report.costs:
        groups.setdefault((cost.task, cost.method), []).append(cost)
    rows = []
    for (task, method), costs in groups.items():
        seconds = sum(cost.seconds for cost in costs) / len(costs)
        memory = [cost.megabytes for cost in costs if cost.megabytes is not None]
        learned = next((f"{cost.parameters:,}" for cost in costs if cost.parameters is not None), "")
        rows.append([f"{task}, {method}", f"{seconds:.1f}", f"{max(memory):.0f}" if memory else "", learned])
    return ["task, method", "seconds a seed", "peak MiB beyond the poses", "parameters"], rows


def _markdown_table(lines: list[Line]) -> str:
    methods, rows = _grid(lines)
    table = ["| metric | " + " | ".join(methods) + " |", "|---" * (len(methods) + 1) + "|"]
    table += [f"| {what} | " + " | ".join(str(line) if line else "" for line in row) + " |" for what, row in rows]
    return "\n".join(table)


def _grid(lines: list[Line]) -> tuple[list[str], list[tuple[str, list[Line | None]]]]:
    """Methods as columns, metrics as rows."""
    methods = list(dict.fromkeys(line.method for line in lines))
    by_place = {(line.what, line.method): line for line in lines}
    rows = list(dict.fromkeys(line.what for line in lines))
    return methods, [(what, [by_place.get((what, method)) for method in methods]) for what in rows]


def _bullets(pairs: list[tuple[str, str]]) -> str:
    return "\n".join(f"- **{subject}**: {text}" for subject, text in pairs)


def _not_scored(report: BenchmarkReport) -> list[tuple[str, str]]:
    return [(e.task if e.method is None else f"{e.task}, {e.method}", e.reason) for e in report.not_scored]


def _failures(report: BenchmarkReport) -> list[tuple[str, str]]:
    return [(f"{f.task}, {f.method}, seed {f.seed}", f.message) for f in report.failures]


def _repeat(report: BenchmarkReport) -> list[tuple[str, str]]:
    run = report.run | {
        "methods": ", ".join(f"{name} {digest[:12]}".strip() for name, digest in report.run["methods"].items())
    }
    return [(name.replace("_", " "), str(value)) for name, value in run.items()]


# --- HTML --------------------------------------------------------------------------------------------------------------

# Blue and orange of Okabe and Ito's palette, which people with the common colour blindnesses can tell apart.
_STYLE = """
:root { color-scheme: light dark; --line: #8886; --bar: #0072b2; --ink: CanvasText; --warn: #e69f00 }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1, h2 { line-height: 1.2 } h2 { margin-top: 2.5rem }
table { border-collapse: collapse } th, td { padding: .25rem .6rem; text-align: left; border-bottom: 1px solid var(--line) }
td { font-variant-numeric: tabular-nums; white-space: nowrap }
.scroll { overflow-x: auto } .note { border-left: .3rem solid var(--warn); padding: .3rem .8rem }
.digest { overflow-wrap: anywhere } small { opacity: .75 }
svg, img { display: block } figure { margin: 1.5rem 0 } img { max-width: max(100%, 32rem); height: auto; background: white }
figcaption { font-size: .9rem } .bar { fill: var(--bar) } .interval { stroke: var(--ink); stroke-width: 1.5 }
.track { fill: var(--line) } .confusion td { text-align: right; min-width: 2rem }
.rows { font-size: .85rem } .rows td { white-space: normal; min-width: 6rem; vertical-align: top }
"""


def html_page(report: BenchmarkReport, figures: Sequence[Figure] = ()) -> str:
    """The report as HTML: tables with a bar and its interval in each cell, and confusion matrices."""
    about = escape(f"sha256 {report.digest}; {report.contents}; {report.protocol}.")
    body = [f"<h1>{escape(report.title)}</h1>", f'<p class="digest">{about}</p>']
    body += [f'<p class="note"><strong>{escape(note)}</strong></p>' for note in report.notes]
    body.append(f"<p><small>{escape(_HOW_TO_READ)}</small></p>")
    body += [f"<h2>{report.heading('all tasks')}</h2>", f"<p><small>{_HOW_RANKED}</small></p>"]
    body.append(_html_rows(*_overview(report)))
    for task in report.tasks:
        if lines := report.lines(task):
            body += [
                f'<h2 id="{task}">{escape(report.heading(task))}</h2>',
                f"<p>{escape(TASKS[task].WHAT)}</p>",
                _html_table(lines),
            ]
            body.append(_html_differences([d for d in report.differences if d.task == task]))
            body += [_html_figure(figure) for figure in figures if figure.task == task]
            body += [_confusion(method, result) for (of, method), result in report.confusions.items() if of == task]
    for heading, pairs in (("not scored, and why", _not_scored(report)), ("failed", _failures(report))):
        if pairs:
            items = "".join(f"<li><strong>{escape(subject)}</strong>: {escape(text)}</li>" for subject, text in pairs)
            body.append(f"<h2>{escape(report.heading(heading))}</h2><ul>{items}</ul>")
    body += [f"<h2>{report.heading('what it cost')}</h2>", f"<p><small>{_HOW_COSTLY}</small></p>"]
    body.append(_html_rows(*_costs(report)))
    rows = "".join(
        f'<tr><th>{escape(name)}</th><td style="white-space:normal" class="digest">{escape(value)}</td></tr>'
        for name, value in _repeat(report)
    )
    body.append(f"<h2>{report.heading('to repeat it')}</h2><table>{rows}</table>")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(report.title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _unbroken(cell: str) -> str:
    """A cell whose interval stays on one line."""
    return escape(cell).replace(", ", ",&nbsp;")


def _html_rows(head: list[str], rows: list[list[str]]) -> str:
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        f"<tr><th>{escape(row[0])}</th>" + "".join(f"<td>{_unbroken(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table class="rows"><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table></div>'


def _html_differences(differences: list[Difference]) -> str:
    if not differences:
        return ""
    rows = [[d.what, f"{d.first} − {d.second}", str(d)] for d in differences]
    return (
        f"<details><summary>Differences between methods ({len(rows)})</summary><p><small>{_HOW_APART}</small></p>"
        + _html_rows(["metric", "methods", "difference"], rows)
        + "</details>"
    )


def _html_figure(figure: Figure) -> str:
    # As an image, so that the ids inside one figure can't meet those of another; its text is in the CSV.
    data = base64.b64encode(figure.svg.encode()).decode()
    return (
        f'<figure><div class="scroll"><img alt="{escape(figure.caption)}" src="data:image/svg+xml;base64,{data}"></div>'
        f'<figcaption>{escape(figure.caption)} <small><a href="figures/{figure.name}.svg">SVG</a>, '
        f'<a href="figures/{figure.name}.csv">CSV</a></small></figcaption></figure>'
    )


def _html_table(lines: list[Line]) -> str:
    methods, rows = _grid(lines)
    head = "".join(f"<th>{escape(method)}</th>" for method in methods)
    body = "".join(
        f"<tr><th>{escape(what)}</th>" + "".join(f"<td>{_cell(line)}</td>" for line in row) + "</tr>"
        for what, row in rows
    )
    return f'<div class="scroll"><table class="rows"><thead><tr><th>metric</th>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(line: Line | None) -> str:
    if line is None:
        return ""
    bar = f'<rect class="track" width="100" height="1" y="6"/><rect class="bar" width="{100 * line.value:.1f}" height="8"/>'
    if line.low is not None and line.high is not None:
        bar += f'<line class="interval" x1="{100 * line.low:.1f}" x2="{100 * line.high:.1f}" y1="4" y2="4"/>'
    return f'{escape(str(line))}<svg viewBox="0 0 100 8" width="100" height="8" aria-hidden="true">{bar}</svg>'


def _confusion(method: str, result: Result) -> str:
    """True classes as rows, predicted ones as columns; classes that neither occur nor were predicted are left out."""
    matrix = np.array(result.confusion)
    names = [f"{i} {name}" for i, name in enumerate(result.classes)]
    used = np.flatnonzero(matrix.sum(axis=0) + matrix.sum(axis=1))
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    head = "".join(f'<th title="{escape(names[j])}">{escape(names[j].split()[0])}</th>' for j in used)
    rows = "".join(
        f"<tr><th>{escape(names[i])}</th>"
        + "".join(
            f'<td style="background:rgb(0 114 178/{share[i, j] / 2:.2f})">{matrix[i, j] or ""}</td>' for j in used
        )
        + "</tr>"
        for i in used
    )
    return (
        f"<details><summary>Confusion matrix of {escape(method)} (rows: true; columns: predicted; first seed)</summary>"
        f'<div class="scroll"><table class="confusion"><tr><th></th>{head}</tr>{rows}</table></div></details>'
    )
