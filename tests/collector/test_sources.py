"""Finding videos with yt-dlp itself on a press site on this machine."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from collector.manners import Manners
from collector.players import Player
from collector.session import Session
from collector.sources import (
    Candidate,
    FindOptions,
    canonical_url,
    find_videos,
    look_up_keys,
    require_search,
    upload_day,
)
from manifests.errors import BadInput
from manifests.ids import video_id
from tests.collector.press import Site

ANA = Player("Ana Ruiz", "P0001", aliases=("Anita R.",))
ALWAYS = FindOptions(since=date(2000, 1, 1))


def feed(*items: tuple[str, str, str, str]) -> str:
    """An RSS feed of (title, address, day, duration)."""
    lines = "".join(
        f"<item><title>{title}</title><guid>{n}</guid><pubDate>{day}</pubDate><itunes:duration>{length}</itunes:duration>"
        f'<enclosure url="{url}" type="video/mp4"/></item>'
        for n, (title, url, day, length) in enumerate(items)
    )
    space = 'xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
    return f'<?xml version="1.0"?><rss version="2.0" {space}><channel><title>All</title>{lines}</channel></rss>'


@pytest.fixture
def session(tmp_path: Path) -> Session:
    (tmp_path / "notes").mkdir()
    return Session(tmp_path / "notes", Manners(attempts=1, pause_s=0))


def find(site: Site, session: Session, options: FindOptions = ALWAYS, **ways: tuple[str, ...]) -> list[Candidate]:
    told = {name: tuple(f"{site.url}{path}" for path in paths) for name, paths in ways.items()}
    player = Player(
        ANA.name, ANA.player_id, aliases=ANA.aliases, urls=told.get("urls", ()), feeds=told.get("feeds", ())
    )
    return list(find_videos(player, options, session))


def test_canonical_url() -> None:
    watch = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
    for same in (
        "https://youtu.be/dQw4w9WgXcQ?si=abc",
        f"{watch}&list=PLx&t=3",
        "https://www.youtube.com/embed/dQw4w9WgXcQ",
    ):
        assert canonical_url(same) == watch
    for other in ("https://www.youtube.com/playlist?list=PLabcdefghijkl", "https://www.youtube.com/@atptour/videos"):
        assert canonical_url(other) == other
    assert canonical_url("HTTPS://Press.Example:443/A.mp4?utm_source=x&b=2#t=3") == "https://press.example/A.mp4?b=2"
    signed = "https://press.example/a.mp4?x=%20y&sig=a%2Fb%3D"
    assert canonical_url(signed) == signed
    assert canonical_url("http://[::1]:8000") == "http://[::1]:8000/"


def test_a_file_needs_no_looking_up(site: Site, session: Session) -> None:
    [only] = find(site, session, urls=("/video/a.mp4", "/video/a.mp4#again"))
    assert only.url == f"{site.url}/video/a.mp4"
    assert (only.leave, only.player_id, only.video_id) == (None, "P0001", video_id(only.url))
    assert site.requests == []


def test_a_feed_gives_what_names_the_player(site: Site, session: Session) -> None:
    noon = "Sun, 12 May 2024 12:00:00 GMT"
    items = [
        ("ANA RUÍZ after the final", "{site}/video/1.mp4", noon, "12:30"),
        ("Anita R.: “I was calm”", "{site}/video/2.mp4?utm_medium=rss", noon, "90"),
        ("Bo Li after the final", "{site}/video/3.mp4", noon, "60"),
        ("Ana Ruiz long ago", "{site}/video/4.mp4", "Sat, 01 Jan 2000 12:00:00 GMT", "60"),
        ("Ana Ruiz, all day", "{site}/video/5.mp4", noon, "8:00:00"),
        ("Ana Ruiz hostile", "file:///etc/passwd", noon, "60"),
        ("Ana Ruiz hostile too", "javascript:alert(1)", noon, "60"),
    ]
    site.pages["/feed.xml"] = ("application/rss+xml", feed(*items))
    options = FindOptions(since=date(2019, 1, 1), max_duration_s=3600)
    found = find(site, session, options, feeds=("/feed.xml",))
    assert [(c.url.removeprefix(site.url), c.leave) for c in found] == [
        ("/video/1.mp4", None),
        ("/video/2.mp4", None),
        ("/video/3.mp4", "its title does not name the player"),
        ("/video/4.mp4", "uploaded on 2000-01-01, before 2019-01-01"),
        ("/video/5.mp4", "lasts 28800 s, more than 3600"),
        ("file:///etc/passwd", "it is not at a web address"),
        ("javascript:alert(1)", "it is not at a web address"),
    ]
    assert (found[0].title, found[0].upload_date, found[0].duration_s) == (
        "ANA RUÍZ after the final",
        date(2024, 5, 12),
        750,
    )


def test_found_five_ways_is_one_that_remembers_all(site: Site, session: Session) -> None:
    item = ("Ana Ruiz speaks", "{site}/video/a.mp4", "Sun, 12 May 2024 12:00:00 GMT", "60")
    for path in ("/one.xml", "/two.xml"):
        site.pages[path] = ("application/rss+xml", feed(item))
    [only] = find(site, session, urls=("/video/a.mp4", "/video/a.mp4?utm_source=x"), feeds=("/one.xml", "/two.xml"))
    ways = ("url {}/video/a.mp4", "url {}/video/a.mp4?utm_source=x", "feed {}/one.xml", "feed {}/two.xml")
    assert only.found_by == tuple(way.format(site.url) for way in ways)
    assert (only.title, only.upload_date) == ("Ana Ruiz speaks", date(2024, 5, 12))


def test_a_page_with_two_films_is_two(site: Site, session: Session) -> None:
    films = "".join(f'<video src="/video/{name}.mp4"></video>' for name in ("a", "b"))
    site.pages["/two.html"] = ("text/html", f"<!doctype html><title>Press day</title>{films}")
    found = find(site, session, urls=("/two.html",))
    assert [c.url.removeprefix(site.url) for c in found] == ["/video/a.mp4", "/video/b.mp4"]
    assert all(c.leave is None and c.found_by == (f"url {site.url}/two.html",) for c in found)


def test_nothing_is_lost_when_looking_up_fails(site: Site, session: Session) -> None:
    """A dead page is fetched, and fails there; a dead feed carries its failure along."""
    page, dead = find(site, session, urls=("/none.html",), feeds=("/none.xml",))
    assert (page.url, page.leave, page.failure) == (f"{site.url}/none.html", None, None)
    assert dead.failure is not None
    assert dead.failure[0] == "gone"
    assert "HTTP Error 404" in dead.failure[1]
    player = Player("Ana Ruiz", "P0001", urls=(page.url,), feeds=(dead.url,))
    assert look_up_keys(player, ALWAYS) == [page.video_id, dead.video_id]


def test_what_is_settled_is_not_asked_for(site: Site, session: Session) -> None:
    url = f"{site.url}/press.html"
    [known] = find_videos(Player("Ana Ruiz", urls=(url,)), ALWAYS, session, {video_id(url)})
    assert known.url == url
    assert site.requests == []


def test_one_feed_of_many_players_is_read_once(site: Site, session: Session) -> None:
    site.pages["/feed.xml"] = ("application/rss+xml", feed())
    for _ in range(3):
        find(site, session, feeds=("/feed.xml",))
        find(site, session, feeds=("/none.xml",))
    assert len([r for r in site.requests if r.path == "/feed.xml"]) == 1
    assert len([r for r in site.requests if r.path == "/none.xml"]) == 1


def search(session: Session, player: Player, **options: Any) -> list[Candidate]:
    options = {"since": date(2000, 1, 1), "search_prefix": "loopbacksearch", "search_results": 3} | options
    return list(find_videos(player, FindOptions(**options), session))


def asked(site: Site) -> list[str]:
    return [parse_qs(urlsplit(path).query)["q"][0] for path in site.paths() if path.startswith("/search?")]


def test_search(site: Site, session: Session) -> None:
    """yt-dlp's own way through a search, by a plugin that searches the site here."""
    titles = ["Ana Ruiz wins", "Bo Li wins", "Ana Ruiz loses", "Ana Ruiz rests"]
    site.finds(*({"url": f"{site.url}/watch/{n}", "id": str(n), "title": title} for n, title in enumerate(titles)))
    found = search(session, ANA)
    assert asked(site) == ["Ana Ruiz press conference"]
    assert [(c.url.removeprefix(site.url), c.leave) for c in found] == [
        ("/watch/0", None),
        ("/watch/1", "its title does not name the player"),
        ("/watch/2", None),
    ]
    assert found[0].found_by == ("search loopbacksearch3:Ana Ruiz press conference",)
    assert (found[0].platform, found[0].platform_id) == ("loopback", "0")
    # With an address of their own, only those with a query are searched for.
    known = Player("Ana Ruiz", "P0001", urls=(f"{site.url}/watch/9",))
    assert [c.url for c in search(session, known)] == [f"{site.url}/watch/9"]
    own = Player("Ana Ruiz", "P0001", urls=known.urls, query="{name} Rome")
    assert len(search(session, own)) == 4
    assert asked(site)[1:] == ["Ana Ruiz Rome"]


def test_found_by_five_searches_is_one_that_remembers_all(site: Site, session: Session) -> None:
    site.finds({"url": f"{site.url}/watch/1", "id": "1", "title": "Ana Ruiz wins"})
    words = ["{name} Rome", "{name} Paris", "{name} interview", "{name} press", "conférence {name}"]
    ways = [f"search loopbacksearch3:{text.replace('{name}', 'Ana Ruiz')}" for text in words]
    own = Player("Ana Ruiz", "P0001", query=" | ".join(words))
    [only] = search(session, own)
    assert list(only.found_by) == ways
    [only] = search(session, Player("Ana Ruiz", "P0001"), queries=tuple(words))
    assert list(only.found_by) == ways
    # Where each can't be read, each has its own place in the ledger.
    site.pages.clear()
    session.read.clear()
    assert len({c.video_id for c in search(session, own)}) == len(look_up_keys(own, FindOptions())) == 5


def test_what_a_platform_tells_of_a_video_may_exclude_it(site: Site, session: Session) -> None:
    day = int(datetime(2024, 5, 12, tzinfo=UTC).timestamp())
    told: dict[str, dict[str, Any]] = {
        "fine": {"timestamp": day, "duration": 300, "width": 1280, "height": 720},
        "live": {"live_status": "is_live"},
        "soon": {"live_status": "is_upcoming"},
        "was live": {"live_status": "was_live"},
        "old": {"upload_date": "20181231"},
        "late": {"upload_date": "20250101"},
        "short": {"duration": 5},
        "long": {"duration": 4000},
        "small": {"width": 160, "height": 120},
        "standing": {"width": 480, "height": 854},
        "practice": {"title": "Ana Ruiz: PRÁCTICE, press"},
        "other": {"title": "Ana Ruiz plays the piano"},
    }
    site.finds(
        *(
            {"url": f"{site.url}/watch/{n}", "id": str(n), "title": f"Ana Ruiz, press: {name}", **more}
            for n, (name, more) in enumerate(told.items())
        )
    )
    found = search(
        session,
        ANA,
        search_results=99,
        since=date(2019, 1, 1),
        until=date(2024, 12, 31),
        min_duration_s=60,
        max_duration_s=3600,
        title_must=("press",),
        title_must_not=("practice",),
    )
    assert dict(zip(told, (c.leave for c in found), strict=True)) == {
        "fine": None,
        "live": "it is a live stream",
        "soon": "it is a live stream",
        "was live": None,
        "old": "uploaded on 2018-12-31, before 2019-01-01",
        "late": "uploaded on 2025-01-01, after 2024-12-31",
        "short": "lasts 5 s, less than 60",
        "long": "lasts 4000 s, more than 3600",
        "small": "160x120, smaller than 240 lines",
        "standing": None,
        "practice": "its title has “practice”",
        "other": "its title lacks “press”",
    }


def test_a_search_that_yt_dlp_does_not_know() -> None:
    require_search(FindOptions())
    with pytest.raises(BadInput, match="--search-prefix ytsaerch: yt-dlp knows no such search"):
        require_search(FindOptions(search_prefix="ytsaerch"))


def test_a_page_that_yt_dlp_stumbles_over_is_one_failure(site: Site, session: Session) -> None:
    """An extractor that breaks over what it is told: the platform's JSON is a list where it expects an object."""
    site.pages["/search"] = ("application/json", "[1, 2]")
    [failed] = search(session, ANA)
    assert failed.failure is not None
    assert failed.failure[0] == "other"
    assert "yt-dlp stumbled over it (TypeError" in failed.failure[1]


def test_seven_years_back() -> None:
    assert FindOptions(until=date(2024, 6, 30)).first_day == date(2017, 6, 30)
    assert FindOptions(until=date(2024, 2, 29)).first_day == date(2017, 2, 28)
    assert FindOptions(since=date(2020, 1, 1), until=date(2024, 6, 30)).first_day == date(2020, 1, 1)


@pytest.mark.parametrize(
    ("info", "day"),
    [
        ({"upload_date": "20240512"}, date(2024, 5, 12)),
        ({"timestamp": 1715515200}, date(2024, 5, 12)),
        ({"upload_date": "20249999"}, None),
        ({"timestamp": 1e30}, None),
        ({"timestamp": 1715515200, "direct": True}, None),
        ({}, None),
    ],
)
def test_upload_day(info: dict[str, Any], day: date | None) -> None:
    assert upload_day(info, "https://press.example/a.mp4") == day
