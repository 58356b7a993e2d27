"""Patience with an address: what is tried again, how often, and after how long."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from yt_dlp.utils import DownloadError

from collector.disk import Room
from collector.manners import Manners
from collector.session import Session
from manifests.errors import FetchFailed
from mgcollect.demo.press_site import Fault
from tests.collector.press import Site

WATCH = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"


def failing(times: int, text: str, calls: list[float]) -> Callable[[], str]:
    def action() -> str:
        calls.append(time.monotonic())
        if len(calls) <= times:
            raise DownloadError(text)
        return "done"

    return action


def test_only_what_waiting_may_help_is_tried_again(tmp_path: Path) -> None:
    session = Session(tmp_path, Manners(attempts=3, backoff_s=0.001, pause_s=0, longest_wait_s=0.01))
    calls: list[float] = []
    assert session.patiently(WATCH, failing(2, "rate limit", calls), 3) == "done"
    assert len(calls) == 3
    with pytest.raises(FetchFailed) as caught:
        session.patiently(WATCH, failing(9, "rate limit", calls := []), 3)
    assert (caught.value.kind, len(calls)) == ("throttled", 3)
    with pytest.raises(FetchFailed):
        session.patiently(WATCH, failing(9, "This video does not exist", calls := []), 3)
    assert len(calls) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_given_twice_as_long_each_time(site: Site, tmp_path: Path, status: int) -> None:
    site.passing["/video/a.mp4"] = [Fault(status=status)] * 3
    Session(tmp_path, Manners(attempts=4, backoff_s=0.1)).visit(f"{site.url}/video/a.mp4")
    assert [request.status for request in site.requests] == [status] * 3 + [200]
    waits = [later.at - earlier.at for earlier, later in pairwise(site.requests)]
    assert all(wait >= 0.1 * 2**n for n, wait in enumerate(waits))


def test_a_server_that_names_a_time_is_given_it(site: Site, tmp_path: Path) -> None:
    """As seconds or as a date; and where patience ends before, nobody asks again, and the ledger will know when to."""
    session = Session(tmp_path, Manners(attempts=2, backoff_s=0.001, longest_wait_s=5))
    site.passing["/video/a.mp4"] = [Fault(status=503, headers={"Retry-After": "1"})]
    session.visit(f"{site.url}/video/a.mp4")
    assert site.requests[1].at - site.requests[0].at >= 1
    named = int(time.time()) + 2
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(named))
    site.passing["/video/a.mp4"] = [Fault(status=503, headers={"Retry-After": date})]
    session.visit(f"{site.url}/video/a.mp4")
    assert time.time() >= named
    site.requests.clear()
    site.faults["/video/a.mp4"] = Fault(status=429, headers={"Retry-After": "3600"})
    with pytest.raises(FetchFailed) as caught:
        session.visit(f"{site.url}/video/a.mp4")
    assert len(site.requests) == 1
    assert caught.value.next_retry == pytest.approx(time.time() + 3600, abs=60)


@pytest.mark.parametrize("hostile", ["9" * 400, "-5", "soon", "Mon, 99 Foo 2024 99:99:99 GMT"])
def test_a_time_that_is_none_does_no_harm(site: Site, tmp_path: Path, hostile: str) -> None:
    session = Session(tmp_path, Manners(attempts=2, backoff_s=0.001))
    site.passing["/video/a.mp4"] = [Fault(status=429, headers={"Retry-After": hostile})]
    if hostile.isdecimal():
        with pytest.raises(FetchFailed) as caught:
            session.visit(f"{site.url}/video/a.mp4")
        assert caught.value.next_retry == pytest.approx(time.time() + 30 * 86_400, abs=60)
    else:
        session.visit(f"{site.url}/video/a.mp4")


def test_a_server_that_gets_busy_in_the_middle_is_given_its_time_too(site: Site, tmp_path: Path) -> None:
    """Of a download, the first answer is good; the next one, to who would go on with it, is to wait."""
    size = (site.folder / "a.mp4").stat().st_size
    site.passing["/video/a.mp4"] = [
        Fault(),  # to who looks at it
        Fault(drop_after=size // 2),
        Fault(status=503, headers={"Retry-After": "1"}),
    ]
    session = Session(tmp_path, Manners(attempts=3, backoff_s=0.001))
    room = Room(tmp_path, 0)
    _, file = session.download(f"{site.url}/video/a.mp4", tmp_path / "part", lambda _: None, room)
    assert file.read_bytes() == (site.folder / "a.mp4").read_bytes()
    told, *after = (n for n, request in enumerate(site.requests) if request.status == 503)
    assert not after
    assert site.requests[told + 1].at - site.requests[told].at >= 1


def test_a_download_that_hardly_comes_is_given_up(site: Site, tmp_path: Path) -> None:
    site.passing["/video/a.mp4"] = [Fault(), Fault(bytes_s=1000)]
    session = Session(tmp_path, Manners(attempts=1, slowest_bytes_s=20_000, slow_for_s=2))
    with pytest.raises(FetchFailed, match="bytes a second, so it was given up") as caught:
        session.download(f"{site.url}/video/a.mp4", tmp_path / "part", lambda _: None, Room(tmp_path, 0))
    assert caught.value.kind == "network"
