"""Let an iterator work ahead of whoever uses it: a decoder need not wait for a network, nor a network for a decoder."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import suppress
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

__all__ = ["ahead"]

_Item = TypeVar("_Item")
_PATIENCE_S = 0.1


def ahead(source: Iterable[_Item], most: int) -> Generator[_Item, None, None]:
    """The same items in the same order, up to `most` of them got on a thread before they are asked for.

    What `source` raises is raised here, after the items before it. When this ends or is closed, so is `source`.
    """
    ready: Queue[tuple[_Item] | BaseException | None] = Queue(most)
    stopped = Event()

    def put(what: tuple[_Item] | BaseException | None) -> None:
        while not stopped.is_set():
            with suppress(Full):
                ready.put(what, timeout=_PATIENCE_S)
                return

    def work() -> None:
        iterator = iter(source)
        try:
            for item in iterator:
                put((item,))
                if stopped.is_set():
                    return
            put(None)
        except BaseException as error:
            put(error)
        finally:
            if isinstance(iterator, Generator):
                iterator.close()

    thread = Thread(target=work, daemon=True)
    thread.start()
    try:
        while (what := ready.get()) is not None:
            if isinstance(what, BaseException):
                raise what
            yield what[0]
    finally:
        stopped.set()
        thread.join()
