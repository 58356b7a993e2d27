"""yt-dlp kept from mixing two versions of a file, and from filling the memory."""

from __future__ import annotations

import gzip
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from collector.disk import Room
from collector.downloader import open_yt_dlp
from collector.manners import Manners
from collector.session import Session
from manifests.errors import FetchFailed
from mgcollect.demo.press_site import Fault
from tests.collector.press import Site
from tests.end_to_end.commands import ROOT

ONCE = Manners(attempts=1, backoff_s=0.001, keep_free_bytes=0)


def download(site: Site, folder: Path) -> bytes:
    session = Session(folder, ONCE)
    _, file = session.download(f"{site.url}/video/a.mp4", folder / "part", lambda _: None, Room(folder, 0))
    return file.read_bytes()


def start(site: Site, folder: Path, **headers: str) -> None:
    """Leave some of the film, because every answer breaks off."""
    site.faults["/video/a.mp4"] = Fault(drop_after=5_000, headers=headers)
    with pytest.raises(FetchFailed):
        download(site, folder)
    assert (folder / "part" / "media.mp4.part").stat().st_size > 5_000
    site.requests.clear()


def test_the_rest_of_the_same_version_is_asked_for(site: Site, tmp_path: Path) -> None:
    start(site, tmp_path)
    site.faults.clear()
    assert download(site, tmp_path) == (site.folder / "a.mp4").read_bytes()
    assert [request.status for request in site.requests if request.range] == [206]


def test_half_of_one_version_is_not_continued_with_another(site: Site, tmp_path: Path) -> None:
    start(site, tmp_path)
    site.faults.clear()
    other = (site.folder / "a.mp4").read_bytes()[::-1]
    (site.folder / "a.mp4").write_bytes(other)
    assert download(site, tmp_path) == other
    assert [request.status for request in site.requests if request.range] == [200]


def test_nor_where_the_server_sends_the_rest_of_whatever_it_has(site: Site, tmp_path: Path) -> None:
    """A server that doesn't know If-Range: it says of the rest that it is another version's."""
    start(site, tmp_path)
    site.faults["/video/a.mp4"] = Fault(headers={"ETag": '"another"'})
    assert download(site, tmp_path) == (site.folder / "a.mp4").read_bytes()
    assert [(request.range is None, request.status) for request in site.requests][1:] == [(False, 206), (True, 200)]


def test_a_weak_tag_tells_no_version(site: Site, tmp_path: Path) -> None:
    start(site, tmp_path, ETag='W/"1"')
    site.faults["/video/a.mp4"] = Fault(headers={"ETag": 'W/"2"'})
    assert download(site, tmp_path) == (site.folder / "a.mp4").read_bytes()
    assert [request.status for request in site.requests if request.range] == [206]


def test_what_is_noted_of_a_version_holds_no_address(site: Site, tmp_path: Path) -> None:
    start(site, tmp_path)
    assert "127.0.0.1" not in (tmp_path / "part" / "versions").read_text()


MIB = 1 << 20
BOMBS = {
    "zeros": ("text/html", gzip.compress(b"<html>" + bytes(32 * MIB)) * 8, {"Content-Encoding": "gzip"}),
    "pieces": (
        "application/dash+xml",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet '
        'mimeType="video/mp4"><Representation id="1" bandwidth="1"><SegmentTemplate media="$Time$.mp4" timescale="1">'
        '<SegmentTimeline><S t="0" d="1" r="99999999"/></SegmentTimeline></SegmentTemplate></Representation>'
        "</AdaptationSet></Period></MPD>",
        {},
    ),
}


# In a process of its own: one that holds torch and a server besides gets nowhere with so little memory to take.
LOOK = """
import sys
from pathlib import Path

from collector.manners import Manners
from collector.session import Session
from manifests.errors import FetchFailed

url, folder = sys.argv[1:]
session = Session(Path(folder), Manners(attempts=1, memory_bytes=128 << 20))
try:
    session.look_up(f"{url}/bomb")
except FetchFailed as error:
    print(error.kind, error)
session.visit(f"{url}/video/a.mp4")
print("and the next one is looked at as ever")
"""


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends_before_the_memory_does(site: Site, tmp_path: Path, name: str) -> None:
    kind, body, headers = BOMBS[name]
    site.pages["/bomb"] = (kind, body)
    site.faults["/bomb"] = Fault(headers=headers)
    command = [sys.executable, "-c", LOOK, site.url, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stderr
    first, last = done.stdout.splitlines()
    assert first.startswith("other ")
    assert "too much to hold in memory" in first
    assert last == "and the next one is looked at as ever"


def test_the_bound_lasts_as_long_as_yt_dlp_looks() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with open_yt_dlp(Manners()):
        assert resource.getrlimit(resource.RLIMIT_DATA)[0] != before[0]
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
