"""Asking for links again: what they lead to, by date, and a round that is stopped."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from collector.availability import availability
from collector.engine import Retry
from collector.fetch import fetch
from collector.manners import Manners
from collector.players import Player
from collector.sources import FindOptions
from manifests.workspace import Workspace, open_workspace
from mgcollect.demo.press_site import Fault
from tests.collector.press import Site

HASTY = Manners(attempts=1, backoff_s=0.001, timeout_s=10, keep_free_bytes=0)


@pytest.fixture
def workspace(tmp_path: Path, site: Site) -> Iterator[Workspace]:
    """Three fetched videos, a, b and c, of which nobody has asked again."""
    for name in "bc":
        shutil.copy(site.folder / "a.mp4", site.folder / f"{name}.mp4")
    with open_workspace(tmp_path / "dataset", create=True) as opened:
        ana = Player("Ana Ruiz", urls=tuple(f"{site.url}/video/{name}.mp4" for name in "abc"))
        always = FindOptions(since=date(2000, 1, 1))
        assert fetch([ana], opened, always, manners=HASTY, workers=0, quiet=True).ok == 3
        site.requests.clear()
        yield opened


def states(workspace: Workspace) -> dict[str, str]:
    """Availability of each video by the last letter of its name, as `videos` has it."""
    return {row["source_url"][-5]: row["availability"] for row in workspace.read("videos").to_pylist()}


def check(workspace: Workspace, **more: object) -> tuple[int, int, int]:
    report = availability(workspace, manners=HASTY, workers=0, quiet=True, **more).stage  # type: ignore[arg-type]
    return report.total, report.ok, report.failed


def test_links_that_change_and_come_back(site: Site, workspace: Workspace) -> None:
    site.faults["/video/a.mp4"], site.faults["/video/b.mp4"] = Fault(status=410), Fault(status=403)
    assert check(workspace) == (3, 3, 0)
    assert states(workspace) == {"a": "gone", "b": "private", "c": "available"}
    site.faults.clear()
    assert check(workspace) == (3, 3, 0)
    assert states(workspace) == {"a": "available", "b": "available", "c": "available"}
    history = workspace.read("availability").to_pylist()
    assert sorted(row["availability"] for row in history) == ["available"] * 4 + ["gone", "private"]
    assert all((row["message"] is None) == (row["availability"] == "available") for row in history)
    newest = max(row["checked_at"] for row in history)
    assert newest in workspace.read("videos")["checked_at"].to_pylist()


def test_nothing_is_downloaded(site: Site, workspace: Workspace) -> None:
    files = sorted((path, path.stat().st_mtime_ns) for path in (workspace.root / "videos").iterdir())
    check(workspace)
    assert 0 < len(site.requests) <= 2 * 3
    assert sorted((path, path.stat().st_mtime_ns) for path in (workspace.root / "videos").iterdir()) == files
    assert not (workspace.root / ".hosts").exists()


def test_a_busy_site_says_nothing_about_its_links(site: Site, workspace: Workspace) -> None:
    """What nobody knows is a failure of the check, which may be tried again, and leaves the last state standing."""
    site.faults["/video/a.mp4"] = Fault(status=503)
    assert check(workspace) == (3, 2, 1)
    assert states(workspace)["a"] == "available"
    site.faults["/video/a.mp4"] = Fault(status=404)
    site.requests.clear()
    assert check(workspace, retry=Retry("network")) == (3, 3, 0)
    assert {request.path for request in site.requests} == {"/video/a.mp4"}
    assert states(workspace)["a"] == "gone"
    assert workspace.read("availability").num_rows == 3


def test_a_round_that_was_stopped_is_gone_on_with(site: Site, workspace: Workspace) -> None:
    check(workspace)
    entries = workspace.ledger.entries("availability")
    stopped = sorted(entries)[0]
    workspace.ledger.plan("availability", {stopped: entries[stopped].fingerprint})  # as a kill leaves it
    site.requests.clear()
    assert check(workspace) == (3, 3, 0)
    assert len({request.path for request in site.requests}) == 1
    site.requests.clear()
    assert check(workspace) == (3, 3, 0)  # that round has ended, so this is another one
    assert len({request.path for request in site.requests}) == 3


def test_what_was_seen_lately_may_be_left_out(site: Site, workspace: Workspace) -> None:
    assert check(workspace, older_than_days=30) == (0, 0, 0)
    assert site.requests == []


def test_what_opted_out_is_not_asked_for(site: Site, workspace: Workspace) -> None:
    (workspace.root / "opt_out.csv").write_text("player_id\nP0001\n")
    assert check(workspace) == (0, 0, 0)
    assert site.requests == []
