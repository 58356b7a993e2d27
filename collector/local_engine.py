"""Run a stage in this process, or on a pool of processes of which any may die."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from collector.stages import MAX_CRASHES, Stage, attempt
from manifests.errors import MgcollectError
from manifests.ledger import Outcome
from manifests.tables import Row

__all__ = ["in_process", "on_processes"]


def in_process(stage: Stage, items: dict[str, Row]) -> Iterator[Outcome]:
    """Do the items one after the other, here.

    Raises:
        Unavailable, BadInput: as the stage raises them.
    """
    stage.setup()
    for item in items.values():
        yield attempt(stage, item)


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    key: str | None = None


def on_processes(stage: Stage, items: dict[str, Row], workers: int) -> Iterator[Outcome]:
    """Do the items on processes of this machine; outcomes come in the order in which they are ready.

    Raises:
        Unavailable, BadInput: as the stage raises them.
    """
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
                    _kill(worker.process)
                    crashes[key] = crashes.get(key, 0) + 1
                    if crashes[key] < MAX_CRASHES:
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
                _kill(worker.process)


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
    # A group of its own: Ctrl-C reaches the driver alone, which decides; and what this worker started dies with it.
    os.setpgrp()
    threading.Thread(target=_die_with_driver, daemon=True).start()
    try:
        stage.setup()
        while True:
            pipe.send(attempt(stage, pipe.recv()))
    except MgcollectError as error:
        pipe.send(error)
    except (EOFError, BrokenPipeError):
        return


def _die_with_driver() -> None:
    """Should the driver be killed, the next run must not meet a worker that still writes the same files."""
    driver = multiprocessing.parent_process()
    assert driver is not None
    driver.join()
    os.killpg(0, signal.SIGKILL)


def _kill(process: BaseProcess) -> None:
    """End a worker, dead or alive, and all that it started."""
    assert process.pid is not None
    with suppress(ProcessLookupError):  # it has no group yet, or the group is gone
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()


def _death(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return (
            f"the worker was killed by {signal.Signals(-exit_code).name} while it worked on this, {MAX_CRASHES} times"
        )
    return f"the worker ended with status {exit_code} while it worked on this, {MAX_CRASHES} times"
