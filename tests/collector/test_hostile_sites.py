"""Names, manifests and pages that mean harm do none: nothing of this machine is read, and nothing written elsewhere."""

from __future__ import annotations

import gc
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from urllib.parse import quote

import pytest

from collector.engine import StageReport
from collector.fetch import fetch
from collector.manners import Manners
from collector.players import Player
from collector.probe import probe
from collector.sources import FindOptions
from manifests.workspace import Workspace, open_workspace
from mgcollect.demo.press_site import Fault
from tests.collector.press import Site

HASTY = Manners(attempts=1, backoff_s=0.001, timeout_s=10, keep_free_bytes=0)
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # yt-dlp leaves part files open


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with open_workspace(tmp_path / "dataset", create=True) as opened:
        yield opened
    gc.collect()


def run(site: Site, workspace: Workspace, *paths: str, feeds: tuple[str, ...] = ()) -> StageReport:
    who = Player("Ana Ruiz", urls=tuple(site.url + path for path in paths), feeds=tuple(site.url + p for p in feeds))
    return fetch([who], workspace, FindOptions(since=date(2000, 1, 1)), manners=HASTY, workers=0, quiet=True)


def names(workspace: Workspace) -> list[str]:
    return sorted(path.name for path in (workspace.root / "videos").rglob("*"))


def everything(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


# --- names -------------------------------------------------------------------------------------------------------------


HOSTILE_NAMES = [
    "../../escaped.mp4",
    "new\nline.mp4",
    "x" * 300 + ".mp4",
    "%(id)s.mp4",
    "$(touch owned);a b.mp4",
    "-i.mp4",
    "\x1b[2J\u202e4pm.mp4",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_addresses(site: Site, workspace: Workspace, film: Path, name: str) -> None:
    site.content = lambda _: ("video/mp4", film.read_bytes())  # type: ignore[method-assign]
    before = everything(workspace.root.parent)
    assert run(site, workspace, f"/video/{quote(name, safe='')}").ok == 1
    [row] = workspace.read("videos").to_pylist()
    assert names(workspace) == [f"{row['video_id']}.mp4"]
    assert all(path.is_relative_to(workspace.root) for path in everything(workspace.root.parent) - before)
    assert row["title"].isprintable()


PAGE = """<!doctype html><html><head><title>x</title><script type="application/ld+json">
{{"@context": "https://schema.org", "@type": "VideoObject", "name": {title}, "uploadDate": "2024-05-12",
"duration": "PT4S", "contentUrl": "{url}"}}</script></head><body></body></html>"""


def test_hostile_titles(site: Site, workspace: Workspace) -> None:
    title = "../../../../etc/passwd \n \x1b[2J " + "x" * 400
    page = PAGE.format(title=json.dumps(title), url="{site}/video/a.mp4")
    site.pages["/press.html"] = ("text/html", page)
    assert run(site, workspace, "/press.html").ok == 1
    [row] = workspace.read("videos").to_pylist()
    assert len(row["title"]) == 300
    assert row["title"].isprintable()
    assert names(workspace) == [f"{row['video_id']}.mp4"]


def test_what_a_platform_tells_reaches_no_path(site: Site, workspace: Workspace) -> None:
    """Its ids, its kinds of file and their parts' names are all the site's to choose."""
    film = {"url": "{site}/video/a.mp4", "format_id": "../../f", "ext": "mp4"}
    harmless = site.tells("id", title="Ana Ruiz", id="../../../escaped", formats=[film])
    harmful = site.tells("ext", title="Ana Ruiz", formats=[{**film, "ext": "/../../../escaped"}])
    before = everything(workspace.root.parent)
    report = run(site, workspace, harmless, harmful)
    assert (report.ok, report.failed) == (1, 1)
    assert all(path.is_relative_to(workspace.root) for path in everything(workspace.root.parent) - before)
    [row] = workspace.read("videos").to_pylist()
    assert names(workspace) == [f"{row['video_id']}.mp4"]


# --- manifests ---------------------------------------------------------------------------------------------------------


def hls(*segments: str, head: str = "") -> str:
    lines = "".join(f"#EXTINF:4,\n{segment}\n" for segment in segments)
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n{head}{lines}#EXT-X-ENDLIST\n"


@pytest.fixture
def ffmpeg_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where ffmpeg, which is the real one, notes its arguments, one line a call."""
    spy, log, real = tmp_path / "bin" / "ffmpeg", tmp_path / "ffmpeg.log", shutil.which("ffmpeg")
    spy.parent.mkdir()
    log.touch()
    spy.write_text(f'#!/bin/sh\necho "$@" | tr "\\r\\n" "  " >> {log}\necho >> {log}\nexec {real} "$@"\n')
    spy.chmod(0o755)
    monkeypatch.setenv("PATH", f"{spy.parent}:{os.environ['PATH']}")
    return log


def calls(log: Path) -> list[str]:
    return [line for line in log.read_text().splitlines() if " -i " in line]


@pytest.fixture
def private(site: Site, film: Path) -> Path:
    """The film as a transport stream: once on the site, once as somebody's own file on this machine."""
    path = site.folder / "a.ts"
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-i", film, "-c", "copy", path], check=True)
    return Path(shutil.copy(path, film.parent / "private.ts"))


@pytest.mark.usefixtures("private")
def test_a_harmless_list_is_taken(site: Site, workspace: Workspace) -> None:
    site.pages["/film.m3u8"] = ("application/vnd.apple.mpegurl", hls("{site}/video/a.ts"))
    assert run(site, workspace, "/film.m3u8").ok == 1
    [row] = workspace.read("videos").to_pylist()
    assert row["path"].endswith(".ts")
    assert probe(workspace.path_of(row["path"])).n_frames == 100


def test_picture_and_sound_apart_are_joined(site: Site, workspace: Workspace, private: Path, ffmpeg_log: Path) -> None:
    """By an ffmpeg that may open nothing but the two files."""
    for name, without in (("picture", "-an"), ("sound", "-vn")):
        command = ["ffmpeg", "-v", "error", "-nostdin", "-i", private, "-c", "copy", without]
        subprocess.run([*command, site.folder / f"{name}.ts"], check=True)
        site.pages[f"/{name}.m3u8"] = ("application/vnd.apple.mpegurl", hls(f"{{site}}/video/{name}.ts"))
    master = (
        '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="s",NAME="en",DEFAULT=YES,URI="{site}/sound.m3u8"\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=99999,RESOLUTION=320x240,CODECS="avc1.64000d,mp4a.40.2",AUDIO="s"\n'
        "{site}/picture.m3u8\n"
    )
    site.pages["/film.m3u8"] = ("application/vnd.apple.mpegurl", master)
    ffmpeg_log.write_text("")
    assert run(site, workspace, "/film.m3u8").ok == 1
    [row] = workspace.read("videos").to_pylist()
    assert (row["width"], row["height"]) == (320, 240)
    assert probe(workspace.path_of(row["path"])).n_streams == 2
    [join] = calls(ffmpeg_log)
    assert join.count("-protocol_whitelist file,pipe -format_whitelist mov,") == join.count(" -i ") == 2


@pytest.mark.parametrize("key", ["", '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="{site}/key"\n'], ids=["yt-dlp's", "ffmpeg's"])
def test_a_list_of_this_machine_s_files(
    site: Site, workspace: Workspace, private: Path, key: str, ffmpeg_log: Path
) -> None:
    """For yt-dlp's own downloader and for ffmpeg: what is there is a film that both could take, and neither does."""
    ways = ["file://{file}", "{file}", "concat:{file}", "subfile,,start,0,end,999,,:{file}", "file:///etc/passwd"]
    for n, way in enumerate(ways):
        text = hls(way.format(file=private), head=key)
        site.pages[f"/{n}.m3u8"] = ("application/vnd.apple.mpegurl", text)
    site.pages["/key"] = ("application/octet-stream", "0123456789abcdef")
    report = run(site, workspace, *(f"/{n}.m3u8" for n in range(len(ways))), "/video/a.mp4")
    assert (report.ok, report.failed) == (1, len(ways))
    [row] = workspace.read("videos").to_pylist()
    assert row["source_url"].endswith("/video/a.mp4")
    assert not [
        name for name in names(workspace) if name.endswith((".ts", ".part", ".mp4")) and name not in row["path"]
    ]
    asked = calls(ffmpeg_log)
    assert len(asked) == (len(ways) if key else 0)
    assert all("-protocol_whitelist http,https,tcp,tls,crypto -i http" in line for line in asked)


def test_other_ways_to_this_machine_s_files(site: Site, workspace: Workspace, private: Path) -> None:
    """A key, a first piece or another list of it in a list; a DASH base; a page's data; a platform's word; a redirect."""
    secret = f"file://{private}"
    kind, dash = "application/vnd.apple.mpegurl", "application/dash+xml"
    variant = f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=99999,RESOLUTION=320x240\n{secret}\n"
    mpd = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        f'mediaPresentationDuration="PT4S"><BaseURL>{secret}</BaseURL><Period><AdaptationSet mimeType="video/mp4">'
        '<Representation id="1" bandwidth="1" width="320" height="240">%s</Representation></AdaptationSet></Period></MPD>'
    )
    pieces = f'<SegmentList duration="4"><SegmentURL media="{secret}"/></SegmentList>'
    smil = f'<smil><body><video src="{secret}"/></body></smil>'
    site.pages |= {
        "/key.m3u8": (kind, hls("{site}/video/a.ts", head=f'#EXT-X-KEY:METHOD=AES-128,URI="{secret}"\n')),
        "/map.m3u8": (kind, hls("{site}/video/a.ts", head=f'#EXT-X-MAP:URI="{secret}"\n')),
        "/variant.m3u8": (kind, variant),
        "/base.mpd": (dash, mpd % ""),
        "/pieces.mpd": (dash, mpd % pieces),
        "/data.html": ("text/html", PAGE.format(title='"Ana Ruiz"', url=secret)),
        "/smil.xml": ("application/smil+xml", smil),
        "/player.html": ("text/html", f'<!doctype html><title>x</title><video src="{secret}"></video>'),
    }
    for name in ("moved", "moved-list"):
        site.faults[f"/{name}.mp4"] = Fault(status=302, headers={"Location": secret})
    site.pages["/redirect.m3u8"] = (kind, hls("{site}/moved-list.mp4"))
    told = [
        site.tells("direct", title="Ana Ruiz", url=secret, ext="mp4"),
        site.tells("protocol", title="Ana Ruiz", url=f"{site.url}/video/a.ts", ext="mp4", protocol="rtmp"),
        site.tells(
            "fragments",
            title="Ana Ruiz",
            formats=[
                {
                    "format_id": "0",
                    "ext": "mp4",
                    "url": f"{site.url}/base.mpd",
                    "protocol": "http_dash_segments",
                    "fragments": [{"url": secret}],
                }
            ],
        ),
    ]
    hostile = [path for path in site.pages if not path.startswith("/api/")]
    report = run(site, workspace, *hostile, *told, "/moved.mp4", "/video/a.mp4")
    assert (report.ok, report.failed) == (1, len(hostile) + len(told) + 1)
    stolen = private.read_bytes()
    left = [path for path in (workspace.root / "videos").rglob("*") if path.is_file() and path.suffix != ".mp4"]
    assert not [path for path in left if path.read_bytes()[:188] == stolen[:188]]
    assert len([path for path in (workspace.root / "videos").iterdir() if path.is_file()]) == 1


def test_a_list_that_is_called_a_film(site: Site, workspace: Workspace, private: Path) -> None:
    (site.folder / "evil.mp4").write_text(hls(f"file://{private}"))
    assert [kind for _, kind, _ in run(site, workspace, "/video/evil.mp4").failures] == ["not_video"]


# --- lists without an end ----------------------------------------------------------------------------------------------


LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {after} "{f"&{before};" * 10}">' for before, after in zip("abcdefgh", "bcdefghi", strict=True))
    + ']><rss version="2.0"><channel><title>&i;</title></channel></rss>'
)


def test_lists_that_lead_back_to_themselves(site: Site, workspace: Workspace) -> None:
    """A feed that names itself, a list of lists likewise, a page that moves to itself, and entities that multiply."""
    entry = "<item><title>Ana Ruiz</title><link>{site}/self.xml</link></item>"
    rss = f'<?xml version="1.0"?><rss version="2.0"><channel><title>All</title>{entry}</channel></rss>'
    site.pages |= {
        "/self.xml": ("application/rss+xml", rss),
        "/laughs.xml": ("application/rss+xml", LAUGHS),
        "/self.m3u8": (
            "application/vnd.apple.mpegurl",
            "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=9,RESOLUTION=320x240\n{site}/self.m3u8\n",
        ),
        "/moves.html": ("text/html", '<meta http-equiv="refresh" content="0; url={site}/moves.html?again">'),
    }
    site.faults["/loop.mp4"] = Fault(status=302, headers={"Location": f"{site.url}/loop.mp4"})
    report = run(
        site, workspace, "/self.m3u8", "/moves.html", "/loop.mp4", "/video/a.mp4", feeds=("/self.xml", "/laughs.xml")
    )
    # A list without an end is a live stream, which is left.
    assert (report.ok, report.skipped, report.failed) == (1, 1, 4)
    assert len(site.requests) < 150


# --- what stays behind -------------------------------------------------------------------------------------------------


def test_nothing_of_the_user_stays(site: Site, workspace: Workspace) -> None:
    """Neither a cookie that the site sets, nor the user's own address that it writes into the addresses of its films."""
    (site.folder / "b.mp4").write_bytes((site.folder / "a.mp4").read_bytes()[:40_000])
    cookie = {"Set-Cookie": "session=c00kie-of-the-user; Path=/"}
    for name in ("a", "b", "none"):
        site.faults[f"/video/{name}.mp4"] = Fault(headers=cookie)
        film = {"url": f"{site.url}/video/{name}.mp4?ip=203.0.113.7&sig=s1gnature", "format_id": "0", "ext": "mp4"}
        site.tells(name, title="Ana Ruiz", formats=[film], http_headers={"Cookie": "session=c00kie-of-the-user"})
    site.faults["/video/none.mp4"] = Fault(status=404, headers=cookie)
    report = run(site, workspace, "/watch/a", "/watch/b", "/watch/none")
    assert (report.ok, report.failed) == (1, 2)
    assert any("203.0.113.7" in request.path for request in site.requests)
    kept = b"".join(path.read_bytes() for path in workspace.root.rglob("*") if path.is_file())
    for secret in (b"c00kie", b"203.0.113.7", b"s1gnature"):
        assert secret not in kept
