"""Finding videos with yt-dlp itself on a press site on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yt_dlp.globals
from yt_dlp.extractor.common import SearchInfoExtractor

from collector.players import Player
from collector.session import Manners, Session
from collector.sources import Candidate, FindOptions, canonical_url, find_videos, look_up_keys, upload_day
from manifests.ids import video_id
from mgcollect.demo.press_site import PressSite

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


class Site(PressSite):
    """A press site with further pages: path to (content type, text), `{site}` being its own address."""

    pages: dict[str, tuple[str, str]]

    def content(self, path: str) -> tuple[str, bytes] | None:
        if path in self.pages:
            kind, text = self.pages[path]
            return kind, text.replace("{site}", self.url).encode()
        return super().content(path)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(bytes(range(256)) * 40)  # yt-dlp doesn't look inside
    with Site(folder) as running:
        running.pages = {}
        yield running


@pytest.fixture
def session(tmp_path: Path) -> Session:
    (tmp_path / "notes").mkdir()
    return Session(tmp_path / "notes", Manners(attempts=1))


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
    assert look_up_keys(player) == [page.video_id, dead.video_id]


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


def test_search(site: Site, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """yt-dlp's own way through a search, by an extractor that searches the site here."""
    asked = []

    class PressSearchIE(SearchInfoExtractor):
        _SEARCH_KEY = "pressearch"
        IE_NAME = "press:search"

        def _search_results(self, query: str) -> Iterator[dict[str, Any]]:
            asked.append(query)
            self._download_webpage(f"{site.url}/", "search")
            for n, title in enumerate(["Ana Ruiz wins", "Bo Li wins", "Ana Ruiz loses", "Ana Ruiz rests"]):
                yield self.url_result(f"{site.url}/video/{n}.mp4", video_id=str(n), video_title=title)

    everything = {"PressSearchIE": PressSearchIE} | yt_dlp.globals.extractors.value
    monkeypatch.setattr(yt_dlp.globals.extractors, "value", everything)
    options = FindOptions(since=date(2000, 1, 1), search_prefix="pressearch", search_results=3)
    found = list(find_videos(ANA, options, session))
    assert asked == ["Ana Ruiz press conference"]
    assert [(c.url.removeprefix(site.url), c.leave) for c in found] == [
        ("/video/0.mp4", None),
        ("/video/1.mp4", "its title does not name the player"),
        ("/video/2.mp4", None),
    ]
    assert found[0].found_by == ("search pressearch3:Ana Ruiz press conference",)
    # With an address of their own, only those with a query are searched for.
    known = Player("Ana Ruiz", "P0001", urls=(f"{site.url}/video/9.mp4",))
    assert [c.url for c in find_videos(known, options, session)] == [f"{site.url}/video/9.mp4"]
    own = Player("Ana Ruiz", "P0001", urls=known.urls, query="{name} Rome")
    assert len(list(find_videos(own, options, session))) == 4
    assert asked[1:] == ["Ana Ruiz Rome"]


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
