"""Fetching with yt-dlp itself from a press site on this machine that misbehaves as sites do."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pytest

from collector.disk import used_bytes
from collector.engine import Retry, StageReport
from collector.fetch import fetch, plan_fetch
from collector.manners import Manners
from collector.players import Player, enrol
from collector.sources import FindOptions
from manifests.errors import CannotWrite
from manifests.ids import file_sha256, video_id
from manifests.opt_out import OptOut
from manifests.tables import TABLES, from_rows
from manifests.workspace import Workspace, open_workspace
from mgcollect.demo.press_site import Fault
from tests.collector.press import Site

ALWAYS = FindOptions(since=date(2000, 1, 1))
HASTY = Manners(attempts=3, backoff_s=0.001, timeout_s=10, keep_free_bytes=0)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with open_workspace(tmp_path / "dataset", create=True) as opened:
        yield opened


def player(site: Site, *paths: str) -> Player:
    return Player("Ana Ruiz", urls=tuple(f"{site.url}{path}" for path in paths))


def run(
    workspace: Workspace, *players: Player, options: FindOptions = ALWAYS, manners: Manners = HASTY, **more: Any
) -> StageReport:
    return fetch(players, workspace, options, manners=manners, quiet=True, **({"workers": 0} | more))


def kinds(workspace: Workspace) -> dict[str, str | None]:
    """Kind of each failed item of the ledger, by its key."""
    return {key: entry.kind for key, entry in workspace.ledger.entries("fetch").items() if entry.state == "failed"}


def films(workspace: Workspace) -> list[Path]:
    return sorted((workspace.root / "videos").iterdir())


def test_a_row_says_what_was_fetched(site: Site, workspace: Workspace, film: Path) -> None:
    before = datetime.now(UTC)
    report = run(workspace, player(site, "/video/a.mp4"))
    assert (report.total, report.ok, report.failed, report.skipped, report.exit_code) == (1, 1, 0, 0, 0)
    [row] = workspace.read("videos").to_pylist()
    url = f"{site.url}/video/a.mp4"
    assert before <= row.pop("checked_at") <= datetime.now(UTC)
    assert row.pop("made_by").startswith("mgcollect ")
    assert row == {
        "video_id": video_id(url),
        "player_id": "P0001",
        "source_url": url,
        "platform": "generic",
        "platform_id": "a",
        "title": "a",
        "upload_date": None,
        "event": None,
        "round": None,
        "outcome": "unknown",
        "duration_s": 4.0,
        "fps": 25.0,
        "variable_fps": False,
        "width": 320,
        "height": 240,
        "licence": None,
        "path": f"videos/{video_id(url)}.mp4",
        "bytes": film.stat().st_size,
        "sha256": file_sha256(film),
        "found_by": [f"url {url}"],
        "availability": "available",
    }
    assert films(workspace) == [workspace.path_of(row["path"])]


def test_again_asks_for_nothing(site: Site, workspace: Workspace) -> None:
    who = player(site, "/video/a.mp4")
    run(workspace, who)
    table = workspace.table_path("videos").read_bytes()
    site.requests.clear()
    report = run(workspace, who)
    assert (report.ok, report.done_now, site.requests) == (1, 0, [])
    assert workspace.table_path("videos").read_bytes() == table


def test_one_bad_file_costs_nobody_else(site: Site, workspace: Workspace, film: Path) -> None:
    data = film.read_bytes()
    for name, content in {
        "cut.mp4": data[: len(data) // 3],
        "empty.mp4": b"",
        "page.mp4": b"<!doctype html><html><body>Not here</body></html>",
    }.items():
        (site.folder / name).write_bytes(content)
    sound = ["ffmpeg", "-v", "error", "-nostdin", "-i", film, "-vn", "-c", "copy", site.folder / "sound.mp4"]
    subprocess.run(sound, check=True)
    (site.folder / "html.mp4").write_bytes((site.folder / "page.mp4").read_bytes())
    site.faults["/video/html.mp4"] = Fault(content_type="text/html")
    site.faults["/video/private.mp4"] = Fault(status=403)
    wanted = {
        "/video/gone.mp4": "gone",
        "/video/private.mp4": "private",
        "/video/cut.mp4": "truncated",
        "/video/empty.mp4": "empty",
        "/video/page.mp4": "not_video",
        "/video/html.mp4": "unsupported",
        "/video/sound.mp4": "no_picture",
    }
    report = run(workspace, player(site, *wanted, "/video/a.mp4"))
    assert (report.total, report.ok, report.failed, report.exit_code) == (8, 1, 7, 1)
    assert kinds(workspace) == {video_id(site.url + path): kind for path, kind in wanted.items()}
    assert all(site.url in message for _, _, message in report.failures)
    assert len(films(workspace)) == 1  # nothing of the others is left


def test_patience_with_a_busy_site(site: Site, workspace: Workspace) -> None:
    busy = [Fault(status=429), Fault(status=503)]
    site.passing["/video/a.mp4"] = [*busy]
    report = run(workspace, player(site, "/video/a.mp4"))
    assert report.ok == 1
    assert [r.status for r in site.requests][:3] == [429, 503, 200]


def test_retry_after_is_heeded(site: Site, workspace: Workspace) -> None:
    """Three seconds can be waited for; but not where patience ends at two, and then nobody asks again."""
    site.faults["/video/a.mp4"] = Fault(status=429, headers={"Retry-After": "3"})
    impatient = Manners(attempts=3, backoff_s=0.001, longest_wait_s=2, keep_free_bytes=0)
    report = run(workspace, player(site, "/video/a.mp4"), manners=impatient)
    assert [kind for _, kind, _ in report.failures] == ["throttled"]
    assert len(site.requests) == 1


def test_retry_does_what_failed_and_nothing_else(site: Site, workspace: Workspace) -> None:
    shutil.copy(site.folder / "a.mp4", site.folder / "b.mp4")
    site.faults["/video/b.mp4"] = Fault(status=503)
    who = player(site, "/video/a.mp4", "/video/b.mp4", "/video/gone.mp4")
    assert run(workspace, who).failed == 2
    site.faults.clear()
    site.requests.clear()
    assert run(workspace, who).failed == 2  # without --retry, what failed is left alone
    assert site.requests == []
    report = run(workspace, who, retry=Retry("network"))
    assert (report.ok, report.failed, report.done_now) == (2, 1, 1)
    assert {r.path for r in site.requests} == {"/video/b.mp4"}


def test_a_broken_connection_is_resumed(site: Site, workspace: Workspace, film: Path) -> None:
    """Every answer breaks off after 20,000 bytes; what has come is not asked for again."""
    site.faults["/video/a.mp4"] = Fault(drop_after=20_000)
    assert film.stat().st_size > 40_000
    report = run(workspace, player(site, "/video/a.mp4"))
    assert report.ok == 1
    [row] = workspace.read("videos").to_pylist()
    assert row["sha256"] == file_sha256(film)
    starts = [int(r.range.removeprefix("bytes=").rstrip("-")) for r in site.requests if r.range]
    assert len(starts) >= 2
    assert all(later > earlier for earlier, later in pairwise([0, *starts]))


def test_the_next_run_goes_on_where_this_one_stopped(site: Site, workspace: Workspace, film: Path) -> None:
    key = video_id(f"{site.url}/video/a.mp4")
    part = workspace.root / "videos" / f".part-{key}"
    part.mkdir(parents=True)
    (part / "media.mp4.part").write_bytes(film.read_bytes()[:50_000])
    assert run(workspace, player(site, "/video/a.mp4")).ok == 1
    assert [r.range for r in site.requests if r.range] == ["bytes=50000-"]
    assert workspace.read("videos").to_pylist()[0]["sha256"] == file_sha256(film)


def test_what_is_mended_on_the_site_is_fetched_whole(site: Site, workspace: Workspace, film: Path) -> None:
    site.faults["/video/a.mp4"] = Fault(truncate_to=20_000)
    assert [kind for _, kind, _ in run(workspace, player(site, "/video/a.mp4")).failures] == ["truncated"]
    site.faults.clear()
    assert run(workspace, player(site, "/video/a.mp4"), retry=Retry()).ok == 1
    assert workspace.read("videos").to_pylist()[0]["sha256"] == file_sha256(film)


def test_a_dead_feed_is_in_the_ledger_until_it_lives(site: Site, workspace: Workspace) -> None:
    who = Player("Ana Ruiz", feeds=(f"{site.url}/mine.xml",))
    report = run(workspace, who)
    assert [kind for _, kind, _ in report.failures] == ["gone"]
    item = "<item><title>Ana Ruiz speaks</title><link>{site}/video/a.mp4</link></item>"
    rss = f'<?xml version="1.0"?><rss version="2.0"><channel><title>All</title>{item}</channel></rss>'
    site.pages["/mine.xml"] = ("application/rss+xml", rss)
    report = run(workspace, who)
    assert (report.total, report.ok, report.failed) == (1, 1, 0)
    assert list(workspace.ledger.entries("fetch")) == [video_id(f"{site.url}/video/a.mp4")]
    assert workspace.read("videos").to_pylist()[0]["title"] == "Ana Ruiz speaks"


def feed(*titles: str) -> str:
    """An RSS feed whose first title is that of a.mp4, the second of b.mp4, …"""
    items = "".join(
        f"<item><title>{title}</title><link>{{site}}/video/{name}.mp4</link></item>"
        for name, title in zip("abcdef", titles, strict=False)
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>All</title>{items}</channel></rss>'


PAGE = """<!doctype html><html><head><title>{title}</title><script type="application/ld+json">
{{"@context": "https://schema.org", "@type": "VideoObject", "name": "{title}", "uploadDate": "{day}",
"duration": "PT4S", "contentUrl": "{{site}}/video/a.mp4"}}</script></head><body></body></html>"""


def test_a_page_tells_title_and_date(site: Site, workspace: Workspace) -> None:
    site.pages["/press.html"] = ("text/html", PAGE.format(title="Ana Ruiz, final", day="2024-05-12"))
    assert run(workspace, player(site, "/press.html")).ok == 1
    [row] = workspace.read("videos").to_pylist()
    assert (row["source_url"], row["title"], row["upload_date"]) == (
        f"{site.url}/press.html",
        "Ana Ruiz, final",
        date(2024, 5, 12),
    )
    site.requests.clear()
    assert run(workspace, player(site, "/press.html")).done_now == 0
    assert site.requests == []


def test_what_the_video_itself_tells_may_exclude_it(site: Site, workspace: Workspace) -> None:
    """A bare file's length is known only when it is here; with other options it is looked at again."""
    short = FindOptions(since=date(2000, 1, 1), min_duration_s=60)
    report = run(workspace, player(site, "/video/a.mp4"), options=short)
    assert (report.ok, report.skipped, report.exit_code) == (0, 1, 0)
    assert films(workspace) == []
    assert run(workspace, player(site, "/video/a.mp4")).ok == 1


def test_too_small(site: Site, workspace: Workspace) -> None:
    report = run(workspace, player(site, "/video/a.mp4"), options=FindOptions(since=date(2000, 1, 1), min_height=480))
    assert [kind for _, kind, _ in report.failures] == ["too_small"]
    assert films(workspace) == []


def test_a_full_disk_ends_the_run_with_nothing_half_written(site: Site, workspace: Workspace) -> None:
    greedy = Manners(attempts=1, keep_free_bytes=1 << 60)
    with pytest.raises(CannotWrite, match="Free some space"):
        run(workspace, player(site, "/video/a.mp4"), manners=greedy)
    assert workspace.read("videos").num_rows == 0
    assert run(workspace, player(site, "/video/a.mp4")).ok == 1


def test_words_of_the_title(site: Site, workspace: Workspace) -> None:
    """Of a page the title is known before; of a file it never is, so no word of it is missed."""
    for name, title in (
        ("a", "Ana Ruiz: PRESS-conference, Rome"),
        ("b", "Ana Ruiz hits practice balls"),
        ("c", "Ana Ruiz"),
    ):
        site.pages[f"/{name}.html"] = ("text/html", PAGE.format(title=title, day="2024-05-12"))
    who = player(site, "/a.html", "/b.html", "/c.html", "/video/a.mp4")
    options = FindOptions(
        since=date(2000, 1, 1), title_must=("press conference",), title_must_not=("Práctice", "highlights")
    )
    found = plan_fetch([who], workspace, options, manners=HASTY, quiet=True)
    assert [candidate.leave for candidate in found] == [
        None,
        "its title lacks “press conference”",
        "its title lacks “press conference”",
        None,
    ]
    unwanted = FindOptions(since=date(2000, 1, 1), title_must_not=("practice",))
    assert [c.leave for c in plan_fetch([who], workspace, unwanted, manners=HASTY, quiet=True)] == [
        None,
        "its title has “practice”",
        None,
        None,
    ]


def test_a_quota_bounds_the_dataset(site: Site, workspace: Workspace, film: Path) -> None:
    """A film that doesn't fit fails; a quota that is used up ends the run; with a larger one it goes on."""
    padding = 5 << 20
    large = film.read_bytes() + padding.to_bytes(4, "big") + b"free" + bytes(padding - 8)
    (site.folder / "large.mp4").write_bytes(large)
    who = player(site, "/video/large.mp4", "/video/a.mp4")
    narrow = replace(HASTY, quota_bytes=used_bytes(workspace.root) + padding)
    report = run(workspace, who, manners=narrow)
    assert (report.ok, [kind for _, kind, _ in report.failures]) == (1, ["disk"])
    with pytest.raises(CannotWrite, match="--quota-gb"):
        run(workspace, who, manners=replace(HASTY, quota_bytes=1000), retry=Retry())
    assert used_bytes(workspace.root) < padding
    assert run(workspace, who, retry=Retry("disk")).ok == 2


def test_what_a_feed_drops_is_still_known(site: Site, workspace: Workspace) -> None:
    item = "<item><title>Ana Ruiz speaks</title><link>{site}/video/b.mp4</link></item>"
    rss = '<?xml version="1.0"?><rss version="2.0"><channel><title>All</title>%s</channel></rss>'
    site.pages["/feed.xml"] = ("application/rss+xml", rss % item)
    who, other = Player("Ana Ruiz", feeds=(f"{site.url}/feed.xml",)), player(site, "/video/a.mp4")
    other = replace(other, name="Bo Li")
    assert [kind for _, kind, _ in run(workspace, who, other).failures] == ["gone"]
    site.pages["/feed.xml"] = ("application/rss+xml", rss % "")
    shutil.copy(site.folder / "a.mp4", site.folder / "b.mp4")
    assert run(workspace, who).failed == 1  # nobody asked for it again
    report = run(workspace, who, retry=Retry("gone"))
    assert (report.total, report.ok, report.done_now) == (1, 1, 1)  # and nothing of the other player
    rows = {row["title"]: row for row in workspace.read("videos").to_pylist()}
    assert rows["Ana Ruiz speaks"]["player_id"] == "P0001"


def test_what_is_left_now_is_not_brought_back(site: Site, workspace: Workspace) -> None:
    site.pages["/press.html"] = ("text/html", PAGE.format(title="Ana Ruiz", day="2024-05-12"))
    site.faults["/video/a.mp4"] = Fault(status=503)
    who = player(site, "/press.html")
    assert run(workspace, who).failed == 1
    site.faults.clear()
    late = FindOptions(since=date(2025, 1, 1))
    assert run(workspace, who, options=late, retry=Retry()).total == 0
    assert films(workspace) == []


def test_opting_out_by_name_before_anybody_is_enrolled(site: Site, workspace: Workspace) -> None:
    who, listed = player(site, "/video/a.mp4"), [OptOut(name="ANA RUÍZ")]
    [candidate] = plan_fetch([who], workspace, ALWAYS, manners=HASTY, opt_outs=listed, quiet=True)
    assert candidate.leave == "opted out"
    report = run(workspace, who, opt_outs=listed)
    assert (report.skipped, site.requests) == (1, [])
    assert run(workspace, who).skipped == 1  # the list stays
    assert workspace.read("players")["opt_out"].to_pylist() == [True]
    (workspace.root / "opt_out.csv").unlink()
    assert run(workspace, who).ok == 1


def test_a_video_opts_out_however_its_address_is_written(site: Site, workspace: Workspace) -> None:
    shutil.copy(site.folder / "a.mp4", site.folder / "b.mp4")
    who = player(site, "/video/a.mp4", "/video/b.mp4")
    run(workspace, who)
    (workspace.root / "opt_out.csv").write_text(f"url\n{site.url}/video/a.mp4?utm_source=letter#t=3\n")
    report = run(workspace, who)
    assert (report.ok, report.skipped) == (1, 1)
    assert [row["source_url"][-5:] for row in workspace.read("videos").to_pylist()] == ["b.mp4"]


def test_who_opted_out_is_not_asked_about(site: Site, workspace: Workspace) -> None:
    ana = player(site, "/video/a.mp4", "/press.html")
    bo = Player("Bo Li", feeds=(f"{site.url}/feed.xml",))
    enrol([ana, bo], workspace)
    rows = [{**row, "opt_out": True} for row in workspace.read("players").to_pylist()]
    workspace.write("players", from_rows(TABLES["players"], rows))
    report = run(workspace, ana, bo)
    assert (report.total, report.skipped) == (2, 2)
    assert site.requests == []


def test_a_video_of_two_players_goes_to_the_first(site: Site, workspace: Workspace) -> None:
    """And remembers how the other one found it."""
    url = f"{site.url}/video/a.mp4"
    site.pages["/feed.xml"] = ("application/rss+xml", feed("Ana Ruiz and Bo Li speak"))
    players = [Player("Ana Ruiz", urls=(url,)), Player("Bo Li", feeds=(f"{site.url}/feed.xml",))]
    first, second = plan_fetch(players, workspace, ALWAYS, manners=HASTY, quiet=True)
    assert (first.leave, second.leave) == (None, "it was found for P0001 already")
    report = run(workspace, *players)
    assert (report.total, report.ok) == (1, 1)
    assert workspace.read("videos")["found_by"].to_pylist() == [[f"feed {site.url}/feed.xml", f"url {url}"]]


def test_what_finds_a_video_later_is_remembered_too(site: Site, workspace: Workspace) -> None:
    """Of a video that is there, and of one that failed; neither is asked for again."""
    (site.folder / "b.mp4").touch()
    who = player(site, "/video/a.mp4", "/video/b.mp4")
    run(workspace, who)
    site.pages["/feed.xml"] = ("application/rss+xml", feed("Ana Ruiz speaks", "Ana Ruiz is silent"))
    site.requests.clear()
    report = run(workspace, replace(who, urls=(), feeds=(f"{site.url}/feed.xml",)))
    assert (report.ok, report.failed, report.done_now) == (1, 1, 0)
    assert set(site.paths()) == {"/feed.xml"}
    [row] = workspace.read("videos").to_pylist()
    assert row["found_by"] == [f"feed {site.url}/feed.xml", f"url {site.url}/video/a.mp4"]
    shutil.copy(site.folder / "a.mp4", site.folder / "b.mp4")
    assert run(workspace, replace(who, urls=()), retry=Retry()).ok == 2
    assert sorted(len(row["found_by"]) for row in workspace.read("videos").to_pylist()) == [2, 2]


def test_a_retry_asks_for_no_feed_that_could_be_read(site: Site, workspace: Workspace) -> None:
    site.pages["/feed.xml"] = ("application/rss+xml", feed("Ana Ruiz speaks"))
    who = Player("Ana Ruiz", feeds=(f"{site.url}/feed.xml", f"{site.url}/dead.xml"), urls=(f"{site.url}/video/b.mp4",))
    assert run(workspace, who).failed == 2
    site.pages["/dead.xml"] = ("application/rss+xml", feed())
    site.requests.clear()
    report = run(workspace, who, retry=Retry("gone"))
    assert (report.total, report.ok, report.failed) == (2, 1, 1)  # the feed is none any more: it can be read
    assert set(site.paths()) == {"/dead.xml", "/video/b.mp4"}


def test_a_plan_writes_nothing(site: Site, workspace: Workspace) -> None:
    before = sorted(workspace.root.rglob("*"))
    [candidate] = plan_fetch([player(site, "/video/a.mp4")], workspace, ALWAYS, manners=HASTY, quiet=True)
    assert (candidate.player_id, candidate.leave) == ("P0001", None)
    assert sorted(workspace.root.rglob("*")) == before
    assert workspace.ledger.entries("fetch") == {}


def copies(site: Site, count: int) -> list[str]:
    for n in range(count):
        shutil.copy(site.folder / "a.mp4", site.folder / f"{n}.mp4")
    return [f"/video/{n}.mp4" for n in range(count)]


def test_processes_share_the_work_and_a_host(site: Site, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers have one host between them: they take turns, with a pause. This machine's own are asked together."""
    monkeypatch.setenv("http_proxy", site.url)  # every name of a host leads to the site
    paths = copies(site, 4)
    who = Player("Ana Ruiz", urls=tuple(f"http://press.example{path}" for path in [*paths, "/video/gone.mp4"]))
    report = run(workspace, who, workers=2, manners=replace(HASTY, pause_s=0.2))
    assert (report.ok, report.failed) == (4, 1)
    assert workspace.read("videos").num_rows == 4
    asked = [(request.path, request.at) for request in site.requests]
    turns = [[at for _, at in turn] for _, turn in groupby(asked, key=lambda request: request[0])]
    assert len(turns) == 5
    assert all(later[0] - earlier[-1] >= 0.2 for earlier, later in pairwise(turns))


@pytest.mark.usefixtures("ray_cluster")
def test_ray_gives_the_same_rows(site: Site, workspace: Workspace, tmp_path: Path) -> None:
    who = player(site, *copies(site, 4), "/video/gone.mp4")
    report = run(workspace, who, engine="ray", workers=2)
    assert (report.ok, report.failed) == (4, 1)
    with open_workspace(tmp_path / "local", create=True) as other:
        run(other, who)
        assert rows(other) == rows(workspace)


def rows(workspace: Workspace) -> list[dict[str, Any]]:
    return list(workspace.read("videos").drop_columns("checked_at").to_pylist())


def test_seven_years_by_default(site: Site, workspace: Workspace) -> None:
    today = datetime.now(UTC).date()
    for name, age in (("new", 6 * 365), ("old", 8 * 365)):
        day = (today - timedelta(days=age)).isoformat()
        site.pages[f"/{name}.html"] = ("text/html", PAGE.format(title=name, day=day))
    new, old = plan_fetch([player(site, "/new.html", "/old.html")], workspace, manners=HASTY, quiet=True)
    assert new.leave is None
    assert old.leave is not None
    assert old.leave.startswith("uploaded on ")
