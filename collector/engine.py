"""How a stage runs over many items: in this process, or on a pool of processes of which any may die.

A stage knows of no engine, and an engine of no stage. The driver asks the ledger what is to be done, hands out one item at
a time, and commits each outcome as it comes. A worker that dies (a decoder's segfault, a kill for memory) costs its item one
attempt; the worker is started anew and the run goes on.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import traceback
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Protocol

from tqdm import tqdm

from manifests.errors import BadInput, ItemFailed, ItemSkipped, MgcollectError
from manifests.ledger import Entry, Outcome
from manifests.tables import TABLES, Row, from_rows
from manifests.workspace import Workspace

__all__ = ["Retry", "Stage", "StageReport", "parse_retry", "run_stage"]

_MAX_CRASHES = 2  # an item that kills its worker this often is failed


class Stage(Protocol):
    """What is done to each item. Picklable; any engine runs it.

    Attributes:
        name: its name in the ledger.
        table: the table its rows go to.
    """

    @property
    def name(self) -> str: ...

    @property
    def table(self) -> str: ...

    def key(self, item: Row) -> str:
        """The item's key in the ledger."""
        ...

    def fingerprint(self, item: Row) -> str:
        """Changes when the item's input or a setting changes, so that the item is done again."""
        ...

    def setup(self) -> None:
        """Load models and check tools, once a worker.

        Raises:
            Unavailable, BadInput: the whole run ends with this.
        """
        ...

    def process(self, item: Row) -> Iterable[Row]:
        """None, one or many rows of `table`.

        Raises:
            ItemFailed, ItemSkipped: noted for this item; the run goes on.
            BadInput, Unavailable: the whole run ends with this.
        """
        ...


@dataclass(frozen=True)
class Retry:
    """`--retry failed` or `--retry failed:kind`: do these again, and nothing else."""

    kind: str | None = None

    def matches(self, entry: Entry) -> bool:
        return entry.state == "failed" and self.kind in (None, entry.kind)


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
    workers: int = 1,
    retry: Retry | None = None,
    retire: bool = True,
    quiet: bool = False,
) -> StageReport:
    """Bring a stage up to date with its items: do what is missing or changed, or with `retry` what failed.

    Args:
        items: the stage's whole input, rows of the table before it.
        workers: processes to run on; 0 runs in this one.
        retire: take out of the ledger and the table what is no longer among the items.
        quiet: no progress bar.

    Returns:
        The report; `in = ok + failed + skipped` has been checked.

    Raises:
        Unavailable: another process works on this stage, or a tool or disk is missing.
        BadInput: an option or a file that the whole stage needs is wrong.
    """
    started = time.monotonic()
    by_key = {stage.key(item): item for item in items}
    report = StageReport(stage.name, total=len(by_key))
    with workspace.working(stage.name):
        ledger = workspace.ledger
        before = ledger.entries(stage.name)
        if retire:
            ledger.retire(stage.name, before.keys() - by_key.keys())
        todo = _todo(stage, by_key, before, retry)
        if todo:
            outcomes = _in_process(stage, todo) if workers == 0 else _on_processes(stage, todo, workers)
            ledger.plan(stage.name, {key: stage.fingerprint(item) for key, item in todo.items()})
            with tqdm(total=len(todo), desc=stage.name, unit="item", disable=quiet or None) as progress:
                for outcome in outcomes:
                    ledger.record(stage.name, outcome)
                    report.done_now += 1
                    report.rows += sum(len(rows) for rows in outcome.rows.values())
                    progress.update()
        workspace.has(stage.table)  # draws the table anew where rows came or went
        _count(report, ledger.entries(stage.name), by_key.keys())
    report.seconds = time.monotonic() - started
    return report


def _todo(stage: Stage, items: dict[str, Row], before: dict[str, Entry], retry: Retry | None) -> dict[str, Row]:
    def wanted(key: str, item: Row) -> bool:
        entry = before.get(key)
        if retry is not None:
            return entry is not None and retry.matches(entry)
        return entry is None or entry.state == "pending" or entry.fingerprint != stage.fingerprint(item)

    return {key: item for key, item in items.items() if wanted(key, item)}


def _count(report: StageReport, entries: dict[str, Entry], keys: Iterable[str]) -> None:
    pending = 0
    for key in keys:
        entry = entries.get(key)
        match entry.state if entry else "pending":
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


def _attempt(stage: Stage, item: Row) -> Outcome:
    """Process one item; what it raises becomes its outcome. BadInput and Unavailable pass: they end the run."""
    started = time.monotonic()
    key = stage.key(item)
    try:
        rows = list(stage.process(item))
        from_rows(TABLES[stage.table], rows)  # a row that doesn't fit is this item's failure, not the driver's
    except ItemSkipped as reason:
        return Outcome(key, "skipped", message=str(reason), seconds=time.monotonic() - started)
    except ItemFailed as error:
        return Outcome(key, "failed", error.kind, str(error), seconds=time.monotonic() - started)
    except MgcollectError:
        raise
    except Exception as error:
        # A defect of ours or of a library must not cost the other 2,999 items; where it arose goes into the ledger.
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(last.filename)}:{last.lineno}"  # noqa: PTH119 - a label, not a path
        message = f"{type(error).__name__}: {error} (at {where})"
        return Outcome(key, "failed", "internal", message, seconds=time.monotonic() - started)
    return Outcome(key, "ok", rows={stage.table: rows}, seconds=time.monotonic() - started)


def _in_process(stage: Stage, items: dict[str, Row]) -> Iterator[Outcome]:
    stage.setup()
    for item in items.values():
        yield _attempt(stage, item)


# --- processes ---------------------------------------------------------------------------------------------------------


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    key: str | None = None


def _on_processes(stage: Stage, items: dict[str, Row], workers: int) -> Iterator[Outcome]:
    context = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks of torch and OpenCV
    queue = deque(items)
    crashes: dict[str, int] = {}
    pool = [_start(context, stage) for _ in range(min(workers, len(items)))]
    try:
        for worker in pool:
            _hand_out(worker, queue, items)
        while busy := [worker for worker in pool if worker.key is not None]:
            for pipe in wait([worker.pipe for worker in busy]):
                worker = next(worker for worker in busy if worker.pipe is pipe)
                key = worker.key
                assert key is not None
                try:
                    result = worker.pipe.recv()
                except (EOFError, ConnectionResetError):
                    worker.process.join()
                    crashes[key] = crashes.get(key, 0) + 1
                    if crashes[key] < _MAX_CRASHES:
                        queue.append(key)
                    else:
                        yield Outcome(key, "failed", "crash", _death(worker.process.exitcode))
                    pool[pool.index(worker)] = worker = _start(context, stage)
                else:
                    if isinstance(result, MgcollectError):
                        raise result
                    yield result
                    worker.key = None
                _hand_out(worker, queue, items)
    finally:
        for worker in pool:
            worker.pipe.close()
            worker.process.join(timeout=2)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()


def _start(context: multiprocessing.context.SpawnContext, stage: Stage) -> _Worker:
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(stage, theirs), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _hand_out(worker: _Worker, queue: deque[str], items: dict[str, Row]) -> None:
    if queue:
        worker.key = queue.popleft()
        with suppress(BrokenPipeError):  # died already; reading from the pipe will tell
            worker.pipe.send(items[worker.key])


def _work(stage: Stage, pipe: Connection) -> None:
    # Ctrl-C reaches the whole process group; the driver decides, and its closed pipe ends this loop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        stage.setup()
        while True:
            pipe.send(_attempt(stage, pipe.recv()))
    except MgcollectError as error:
        pipe.send(error)
    except (EOFError, BrokenPipeError):
        return


def _death(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return (
            f"the worker was killed by {signal.Signals(-exit_code).name} while it worked on this, {_MAX_CRASHES} times"
        )
    return f"the worker ended with status {exit_code} while it worked on this, {_MAX_CRASHES} times"
