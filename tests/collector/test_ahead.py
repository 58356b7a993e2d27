"""Working ahead changes nothing but who waits for whom."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import islice

import pytest

from collector.ahead import ahead


class Counter:
    """Counts up; knows how far it was driven, on which thread, and whether it was closed."""

    def __init__(self, end: int, error: Exception | None = None) -> None:
        self.end, self.error = end, error
        self.given, self.closed = 0, False
        self.thread: int | None = None
        self.reached = threading.Event()

    def __iter__(self) -> Iterator[int]:
        self.thread = threading.get_ident()
        try:
            while self.given < self.end:
                self.given += 1
                if self.given == 4:
                    self.reached.set()
                yield self.given
            if self.error:
                raise self.error
        finally:
            self.closed = True


@pytest.mark.parametrize("most", [1, 3, 100])
def test_same_items_in_order(most: int) -> None:
    source = Counter(50)
    assert list(ahead(source, most)) == list(range(1, 51))
    assert source.closed
    assert source.thread != threading.get_ident()


def test_as_far_ahead_as_told() -> None:
    """With three ready nobody asked for, and a fourth in hand, it waits."""
    source = Counter(50)
    items = ahead(source, 3)
    assert next(items) == 1
    assert source.reached.wait(10)
    assert source.given <= 5
    items.close()
    assert source.closed
    assert source.given <= 5


def test_an_error_comes_after_the_items_before_it() -> None:
    items = ahead(Counter(3, ValueError("damaged")), 10)
    assert list(islice(items, 3)) == [1, 2, 3]
    with pytest.raises(ValueError, match="damaged"):
        next(items)


def test_left_early() -> None:
    source = Counter(10**9)
    for item in ahead(source, 2):
        if item == 5:
            break
    else:
        pytest.fail("it ended")
    assert threading.active_count() < 50
