"""How a stage runs over many items: here, on processes, or on Ray; any worker may die.

The driver asks the ledger what is to be done, hands out one item at a time, and commits each outcome as it comes. A worker
that dies (a decoder's segfault, a kill for memory) costs its item one attempt; the worker is started anew and the run goes on.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, field

from tqdm import tqdm

from collector.local_engine import in_process, on_processes
from collector.ray_engine import on_ray
from collector.stages import Stage
from manifests.errors import BadInput
from manifests.ledger import Entry, Outcome
from manifests.opt_out import OptedOut
from manifests.tables import Row
from manifests.workspace import Workspace

__all__ = ["ENGINES", "Retry", "Stage", "StageReport", "parse_retry", "run_stage"]

ENGINES = ("local", "ray")


@dataclass(frozen=True)
class Retry:
    """`--retry failed` or `--retry failed:kind`: do these again, and nothing else."""

    kind: str | None = None

    def matches(self, entry: Entry) -> bool:
        # What an earlier retry planned and didn't come to is pending, and still has the kind by which it failed.
        failed = entry.state == "failed" or (entry.state == "pending" and entry.kind is not None)
        # Nobody is asked again before the time that a server named.
        due = entry.next_retry is None or entry.next_retry <= time.time()
        return failed and due and self.kind in (None, entry.kind)


def parse_retry(text: str | None) -> Retry | None:
    """Read the value of `--retry`.

    Raises:
        BadInput: it is neither "failed" nor "failed:kind".
    """
    if text is None:
        return None
    word, colon, kind = text.partition(":")
    if word != "failed" or (colon and not kind):
        raise BadInput(f"--retry {text}: write `failed`, or `failed:kind` with a kind that `mgcollect status` shows.")
    return Retry(kind or None)


@dataclass
class StageReport:
    """What a stage did. `ok + failed + skipped == total` once it ran to the end.

    Attributes:
        done_now: items that this run worked on; the rest was done before.
        rows: rows of the stage's table that this run made.
        failures: (item, kind, message) of every item that stands as failed.
    """

    stage: str
    total: int = 0
    ok: int = 0
    failed: int = 0
    skipped: int = 0
    done_now: int = 0
    rows: int = 0
    seconds: float = 0.0
    failures: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        return 1 if self.failed else 0


def run_stage(
    stage: Stage,
    items: Iterable[Row],
    workspace: Workspace,
    *,
    engine: str = "local",
    workers: int = 1,
    retry: Retry | None = None,
    retire: bool = True,
    keep_inputs: bool = False,
    quiet: bool = False,
) -> StageReport:
    """Bring a stage up to date with its items: do what is missing or changed, or with `retry` what failed.

    Args:
        items: the stage's whole input, rows of the table before it. Those of who opted out are skipped.
        engine: "local" or "ray"; both give the same rows.
        workers: processes to run on; 0 runs in this one.
        retire: take out of the ledger and the table what is no longer among the items.
        keep_inputs: keep the items in the ledger (`Ledger.inputs`), because nothing else does; they must be JSON.
        quiet: no progress bar.

    Returns:
        The report; `in = ok + failed + skipped` has been checked.

    Raises:
        Unavailable: another process works on this stage, or a tool or disk is missing.
        BadInput: an option or a file that the whole stage needs is wrong.
        SchemaMismatch: the stage's table is of another version.
    """
    if engine not in ENGINES:
        raise BadInput(f"--engine {engine}: there is no such engine. Choose {' or '.join(ENGINES)}.")
    started = time.monotonic()
    by_key = {stage.key(item): item for item in items}
    report = StageReport(stage.name, total=len(by_key))
    with workspace.working(stage.name):
        workspace.has(
            stage.table
        )  # or this ends here and not when all work is done: the table may be of another version
        ledger = workspace.ledger
        before = ledger.entries(stage.name)
        if retire:
            ledger.retire(stage.name, before.keys() - by_key.keys())
        gone = workspace.opted_out()
        todo = _todo(stage, by_key, before, retry)
        if todo:
            outcomes = _run(stage, todo, gone, engine, workers)
            fingerprints = {key: stage.fingerprint(item) for key, item in todo.items()}
            ledger.plan(stage.name, fingerprints, todo if keep_inputs else None)
            # Closed by hand: whatever ends this loop ends the workers now, not when the garbage is collected.
            with closing(outcomes), tqdm(total=len(todo), desc=stage.name, unit="item", disable=quiet or None) as bar:
                for outcome in outcomes:
                    ledger.record(stage.name, outcome)
                    report.done_now += 1
                    report.rows += sum(len(rows) for rows in outcome.rows.values())
                    bar.update()
        workspace.has(stage.table)  # draws the table anew where rows came or went
        _count(report, ledger.entries(stage.name), by_key, gone)
    report.seconds = time.monotonic() - started
    return report


def _run(
    stage: Stage, items: dict[str, Row], gone: OptedOut, engine: str, workers: int
) -> Generator[Outcome, None, None]:
    for key, item in items.items():
        if gone.covers(item):
            yield Outcome(key, "skipped", message="opted out")
    items = {key: item for key, item in items.items() if not gone.covers(item)}
    if not items:
        return
    if engine == "ray":
        yield from on_ray(stage, items, max(workers, 1))
    elif workers == 0:
        yield from in_process(stage, items)
    else:
        yield from on_processes(stage, items, workers)


def _todo(stage: Stage, items: dict[str, Row], before: dict[str, Entry], retry: Retry | None) -> dict[str, Row]:
    def wanted(key: str, item: Row) -> bool:
        entry = before.get(key)
        if retry is not None:
            return entry is not None and retry.matches(entry)
        return entry is None or entry.state == "pending" or entry.fingerprint != stage.fingerprint(item)

    return {key: item for key, item in items.items() if wanted(key, item)}


def _count(report: StageReport, entries: dict[str, Entry], items: dict[str, Row], gone: OptedOut) -> None:
    pending = 0
    for key, item in items.items():
        entry = entries.get(key)
        # Who opted out after an item was done has it counted as skipped all the same: nobody sees its rows any more.
        match "skipped" if entry and gone.covers(item) else entry.state if entry else "pending":
            case "ok":
                report.ok += 1
            case "skipped":
                report.skipped += 1
            case "failed":
                assert entry is not None
                report.failed += 1
                report.failures.append((key, entry.kind or "other", entry.message or ""))
            case _:
                pending += 1
    # With --retry, what was never tried stays untried; it counts as neither.
    if report.ok + report.failed + report.skipped + pending != report.total:
        raise AssertionError(
            f"{report.stage}: {report.total} in, but {report.ok} + {report.failed} + {report.skipped} out"
        )
    report.total -= pending
