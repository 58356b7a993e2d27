"""Run a stage on a Ray cluster: the one that RAY_ADDRESS names, else one of this machine alone, started for the run.

Each worker is an actor that is handed one item at a time; the ledger stays the driver's. The machines of a cluster need
mgcollect installed and the dataset's folder at the same path. Ray is the extra `[ray]`, so it is imported only in here.
"""

from __future__ import annotations

import logging
import os
import socket
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from collector.stages import MAX_CRASHES, Stage, attempt
from manifests.errors import MgcollectError, Unavailable
from manifests.ledger import Outcome
from manifests.tables import Row

__all__ = ["on_ray"]

_OBJECT_STORE_BYTES = 128 << 20  # rows travel, not films
_PATIENCE_S = 10


class _Worker:
    """What the actor is: the stage, set up at its first item."""

    def __init__(self, stage: Stage) -> None:
        # As `share_cores` says, and before torch is loaded; the cluster was started without it.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        self.stage = stage
        self.ready = False

    def work(self, item: Row) -> Outcome | MgcollectError:
        try:
            if not self.ready:
                self.stage.setup()
                self.ready = True
            return attempt(self.stage, item)
        except MgcollectError as error:
            return error


def on_ray(stage: Stage, items: dict[str, Row], workers: int) -> Iterator[Outcome]:
    """Do the items on a Ray cluster; outcomes come in the order in which they are ready.

    Raises:
        Unavailable: Ray is not installed, or the cluster can't be reached.
        Unavailable, BadInput: as the stage raises them.
    """
    workers = min(workers, len(items))
    with _cluster(workers) as ray:
        # Ray hides the GPUs from whoever asks for none, so the workers share them.
        gpus = min(1.0, int(1000 * ray.cluster_resources().get("GPU", 0.0) / workers) / 1000)
        kind = ray.remote(_Worker).options(num_cpus=1, num_gpus=gpus, max_restarts=0)
        queue = deque(items)
        crashes: dict[str, int] = {}
        actors = [kind.remote(stage) for _ in range(workers)]
        busy: dict[Any, tuple[Any, str]] = {}  # what is waited for: the actor, and the item's key
        try:
            while True:
                while queue and actors:
                    actor, key = actors.pop(), queue.popleft()
                    busy[actor.work.remote(items[key])] = (actor, key)
                while actors:
                    ray.kill(actors.pop())  # its processor may be what another one waits for
                if not busy:
                    return
                [ready], _ = ray.wait(list(busy), num_returns=1)
                actor, key = busy.pop(ready)
                actors.append(actor)
                try:
                    result = ray.get(ready)
                except ray.exceptions.RayActorError:
                    actors[-1] = kind.remote(stage)
                    crashes[key] = crashes.get(key, 0) + 1
                    if crashes[key] < MAX_CRASHES:
                        queue.append(key)
                        continue
                    message = f"the worker died while it worked on this, {MAX_CRASHES} times"
                    result = Outcome(key, "failed", "crash", message)
                if isinstance(result, MgcollectError):
                    raise result
                yield result
        finally:
            for actor in [*actors, *(actor for actor, _ in busy.values())]:
                ray.kill(actor)


@contextmanager
def _cluster(workers: int) -> Iterator[Any]:
    # Set before Ray is imported, which reads it: usage is nobody else's business, and its makers' least.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
    except ImportError as error:
        raise Unavailable(
            "--engine ray needs Ray. Run `pip install 'mgcollect[ray]'`, or leave --engine out."
        ) from error
    if ray.is_initialized():  # whoever embeds this owns it
        yield ray
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    address = os.environ.get("RAY_ADDRESS")
    where = f"the Ray cluster at RAY_ADDRESS={address}" if address else "Ray on this machine"
    try:
        if address:
            _require_listener(address)
            ray.init(address=address, **quiet)
        else:
            ray.init(num_cpus=workers, include_dashboard=False, object_store_memory=_OBJECT_STORE_BYTES, **quiet)
    except (OSError, RuntimeError, ValueError) as error:
        raise Unavailable(f"{where} can't be reached or started ({error}).") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _require_listener(address: str) -> None:
    """Ray itself would try for minutes to reach a cluster that isn't there."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE_S):
            pass
