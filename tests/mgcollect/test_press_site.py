"""The press site as HTTP sees it (http.client), and as yt-dlp itself takes it."""

import contextlib
import csv
import http.client
import socket
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
import yt_dlp

from manifests.errors import Unavailable
from mgcollect.demo.footage import PressConference, Shot
from mgcollect.demo.press_site import Fault, PressSite, players_csv

VIDEO = bytes(range(256)) * 4000  # yt-dlp doesn't look inside


def conference(folder: Path, player: str, slug: str, day: date) -> PressConference:
    path = folder / f"{slug}.mp4"
    path.write_bytes(VIDEO + slug.encode())
    return PressConference(
        slug=slug,
        player=player,
        gender="female",
        country="NOR",
        birth_year=1996,
        aliases=("A. One", "Anne"),
        title=f"{player}: 6–3 & <out>",
        event="Open",
        upload_date=day,
        path=path,
        shots=(Shot(Fraction(0), Fraction(5, 2), 1),),
        flash_s=Fraction(1),
        variable_fps=False,
        n_frames=60,
    )


@pytest.fixture
def conferences(tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("nobody's business")
    return [
        conference(folder, "Ane Øst", "ane-ost", date(2024, 5, 12)),
        conference(folder, "Bo Ek", "bo-ek", date(2024, 7, 28)),
        conference(folder, "Cy Ash", "cy-ash", date(2023, 10, 3)),
    ]


@pytest.fixture
def site(conferences):
    with PressSite(conferences[0].path.parent, conferences=conferences) as site:
        yield site


def ask(site, path, method="GET", **headers):
    """Status, headers and body; the path goes out exactly as it stands."""
    with contextlib.closing(http.client.HTTPConnection(site.url.removeprefix("http://"), timeout=20)) as connection:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def take(url, folder, **options):
    """Let yt-dlp download `url`; its info, and the files in order."""
    quiet = {"quiet": True, "noprogress": True, "no_warnings": True}
    with yt_dlp.YoutubeDL({"outtmpl": f"{folder}/%(id)s.%(ext)s", **quiet, **options}) as ydl:
        info = ydl.extract_info(url)
    # An entry that a filter left has no download.
    videos = [video for video in info.get("entries") or [info] if "requested_downloads" in video]
    return videos, [Path(video["requested_downloads"][0]["filepath"]) for video in videos]


@pytest.mark.parametrize(
    ("wanted", "status", "span"),
    [
        (None, 200, slice(None)),
        ("bytes=0-99", 206, slice(0, 100)),
        ("bytes=1000-", 206, slice(1000, None)),
        ("bytes=-7", 206, slice(-7, None)),
        ("bytes=5-5", 206, slice(5, 6)),
        ("bytes=10-99999999", 206, slice(10, None)),
        ("bytes=-99999999", 200, slice(None)),
        ("bytes=0-", 200, slice(None)),
        # What isn't one range of bytes is ignored.
        ("bytes=9-3", 200, slice(None)),
        ("bytes=-", 200, slice(None)),
        ("bytes=0-1,5-6", 200, slice(None)),
        ("lines=1-2", 200, slice(None)),
    ],
)
def test_ranges(site, conferences, wanted, status, span):
    whole = conferences[0].path.read_bytes()
    found, headers, body = ask(site, "/video/ane-ost.mp4", **({"Range": wanted} if wanted else {}))
    assert (found, body) == (status, whole[span])
    assert headers["Content-Length"] == str(len(whole[span]))
    assert (headers["Content-Type"], headers["Accept-Ranges"]) == ("video/mp4", "bytes")
    start, end, _ = span.indices(len(whole))
    assert headers["Content-Range"] == (f"bytes {start}-{end - 1}/{len(whole)}" if status == 206 else None)


@pytest.mark.parametrize("wanted", ["bytes=99999999-", "bytes=99999999-100000000", "bytes=-0"])
def test_a_range_past_the_end(site, conferences, wanted):
    status, headers, _ = ask(site, "/video/ane-ost.mp4", Range=wanted)
    assert (status, headers["Content-Range"]) == (416, f"bytes */{conferences[0].path.stat().st_size}")


def test_head_sends_the_length_and_no_body(site, conferences):
    status, headers, body = ask(site, "/video/ane-ost.mp4", method="HEAD", Range="bytes=0-9")
    assert (status, headers["Content-Length"], body) == (200, str(conferences[0].path.stat().st_size), b"")


@pytest.mark.parametrize(
    "path",
    [
        "/video/../../secret.txt",
        "/video/%2e%2e/secret.txt",
        "/video/..%2fsecret.txt",
        "/video/%2e%2e%2fsecret.txt",
        "/video/..%5csecret.txt",
        "/video//etc/passwd",
        "/etc/passwd",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/video/ane-ost.mp4%00.txt",
        "/video/%00",
        "/video/",
        "/video/.",
        "/video/ane-ost.mp4/",
        "/video/link.mp4",
        "//[",
        "/video/%ff",
    ],
)
def test_no_address_leaves_the_folder(site, path):
    (site.folder / "link.mp4").symlink_to(site.folder.parent / "secret.txt")
    assert ask(site, path)[0] == 404


def test_it_listens_on_loopback_only(site):
    assert site.url.startswith("http://127.0.0.1:")
    port = int(site.url.rpartition(":")[2])
    with pytest.raises(OSError, match="refused"), contextlib.closing(socket.create_connection(("127.0.0.2", port), 5)):
        pass


def test_a_port_in_use(site):
    port = int(site.url.rpartition(":")[2])
    with pytest.raises(Unavailable, match=f"can't use port {port}"), PressSite(site.folder, port):
        pass


def test_requests_are_kept(site):
    ask(site, "/video/ane-ost.mp4", Range="bytes=1-2")
    ask(site, "/video/no.mp4", method="HEAD")
    assert [(r.method, r.path, r.range, r.status) for r in site.requests] == [
        ("GET", "/video/ane-ost.mp4", "bytes=1-2", 206),
        ("HEAD", "/video/no.mp4", None, 404),
    ]


def test_it_is_quiet(site, capfd):
    for path in ("/", "/nothing", "//["):
        ask(site, path)
    with contextlib.closing(socket.create_connection(site.url.removeprefix("http://").split(":"), 5)) as rude:
        rude.sendall(b"GET /video/ane-ost.mp4 HTTP/1.1\r\nHost: x\r\n\r\n")
    with contextlib.closing(socket.create_connection(site.url.removeprefix("http://").split(":"), 5)) as rude:
        rude.sendall(b"nonsense\r\n\r\n")
        rude.recv(1000)
    assert capfd.readouterr() == ("", "")


def test_yt_dlp_takes_the_page(site, conferences, tmp_path):
    (video,), (file,) = take(f"{site.url}/press/ane-ost.html", tmp_path)
    assert file.read_bytes() == conferences[0].path.read_bytes()
    assert (video["title"], video["upload_date"], video["duration"]) == ("Ane Øst: 6–3 & <out>", "20240512", 2.5)


def test_yt_dlp_takes_the_feed(site, conferences, tmp_path):
    videos, files = take(f"{site.url}/feed.xml", tmp_path)
    assert [video["title"] for video in videos] == [c.title for c in conferences]
    assert [video["upload_date"] for video in videos] == ["20240512", "20240728", "20231003"]
    assert [video["duration"] for video in videos] == [2, 2, 2]  # round half to even
    assert [file.read_bytes() for file in files] == [c.path.read_bytes() for c in conferences]


def test_yt_dlp_takes_one_player_from_the_feed_by_name(site, conferences, tmp_path):
    wanted = yt_dlp.match_filter_func("title ~= (?i)bo ek")
    _, files = take(f"{site.url}/feed.xml", tmp_path, match_filter=wanted)
    assert [file.read_bytes() for file in files] == [conferences[1].path.read_bytes()]


def test_yt_dlp_takes_the_file_and_resumes(site, conferences, tmp_path):
    (tmp_path / "cy-ash.mp4.part").write_bytes(VIDEO[:200_000])
    _, (file,) = take(f"{site.url}/video/cy-ash.mp4", tmp_path)
    assert file.read_bytes() == conferences[2].path.read_bytes()
    assert site.requests[-1].range == "bytes=200000-"


def test_yt_dlp_resumes_where_the_connection_breaks_off(site, conferences, tmp_path):
    site.faults["/video/cy-ash.mp4"] = Fault(drop_after=400_000)
    _, (file,) = take(f"{site.url}/video/cy-ash.mp4", tmp_path, retries=10)
    assert file.read_bytes() == conferences[2].path.read_bytes()
    assert [r.status for r in site.requests].count(206) >= 2


def test_faults(site, conferences):
    whole = conferences[0].path.read_bytes()
    path = "/video/ane-ost.mp4"
    site.faults[path] = Fault(status=429, headers={"Retry-After": "7"})
    status, headers, _ = ask(site, path)
    assert (status, headers["Retry-After"]) == (429, "7")
    site.faults[path] = Fault(truncate_to=1000)
    assert ask(site, path)[2] == whole[:1000]
    site.faults[path] = Fault(truncate_to=0)
    assert ask(site, path)[::2] == (200, b"")
    site.faults[path] = Fault(content_type="text/html")
    assert ask(site, path)[1]["Content-Type"] == "text/html"
    site.faults[path] = Fault(drop_after=1000)
    with pytest.raises(http.client.IncompleteRead) as broken:
        ask(site, path)
    assert broken.value.partial == whole[:1000]
    del site.faults[path]
    assert ask(site, path)[2] == whole


def test_players_csv(conferences, tmp_path):
    path = players_csv(tmp_path / "demo" / "players.csv", conferences, "http://127.0.0.1:8099")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    same = {"gender": "female", "country": "NOR", "birth_year": "1996", "aliases": "A. One|Anne"}
    assert rows == [
        {"name": "Ane Øst", **same, "urls": "http://127.0.0.1:8099/press/ane-ost.html", "feeds": ""},
        {"name": "Bo Ek", **same, "urls": "", "feeds": "http://127.0.0.1:8099/feed.xml"},
        {"name": "Cy Ash", **same, "urls": "http://127.0.0.1:8099/video/cy-ash.mp4", "feeds": ""},
    ]
