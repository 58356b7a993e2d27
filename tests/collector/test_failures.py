"""What yt-dlp, sites and their servers say, in our words: by each other's texts, and by real answers of a site here."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import yt_dlp
from yt_dlp.networking.exceptions import TransportError
from yt_dlp.utils import DownloadError, ExtractorError, GeoRestrictedError

from collector.disk import used_bytes
from collector.engine import Retry
from collector.failures import clean_text, failure_of
from collector.fetch import fetch
from collector.manners import Manners
from collector.players import Player
from collector.sources import FindOptions
from manifests.errors import CannotWrite, FetchFailed, UnreadableVideo
from manifests.ids import video_id
from manifests.workspace import Workspace, open_workspace
from mgcollect.demo.press_site import Fault
from tests.collector.press import Site

WATCH = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
# What yt-dlp 2026.8 and the sites behind it say. The first block stands in yt-dlp's own sources (checked below), the second
# is what YouTube and others answer, which yt-dlp passes on.
OWN_WORDS = {
    "This video is DRM protected": "unsupported",
    "No video formats found!": "unsupported",
    "This video is only available for registered users": "private",
    "This video is not available from your location due to geo restriction": "geo",
    "Video is geo restricted.": "geo",
    "YouTube is requiring a captcha challenge before playback": "bot_check",
    "has been rate-limited by YouTube for up to an hour": "throttled",
    "You are suspected as a bot. Wait, or pass the captcha on the site": "bot_check",
    "Got HTTP Error 403 caused by Cloudflare anti-bot challenge": "bot_check",
    "You have exceeded the rate limit. Try again later": "throttled",
    "Age-restricted; requires authentication": "age",
    "This video is for premium members only": "private",
    "This video is no longer available": "gone",
    "Video unavailable, set to private": "private",
    "This video does not exist": "gone",
    "Unsupported URL: ": "unsupported",
    "file:// URLs are disabled by default in yt-dlp for security reasons.": "unsupported",
}
SITES_WORDS = {
    "Sign in to confirm you’re not a bot. Use --cookies-from-browser or --cookies for the authentication.": "bot_check",
    "Sign in to confirm your age. This video may be inappropriate for some users.": "age",
    "Private video. Sign in if you've been granted access to this video": "private",
    "Join this channel to get access to members-only content like this video": "private",
    "Video unavailable. This video has been removed by the uploader": "gone",
    "Video unavailable. This video is no longer available because the account has been terminated.": "gone",
    "Video unavailable. The uploader has not made this video available in your country": "geo",
    "The connection timed out": "network",
    "Something nobody thought of": "other",
}


@pytest.mark.parametrize(("text", "kind"), [*OWN_WORDS.items(), *SITES_WORDS.items()])
def test_kinds_by_what_is_said(text: str, kind: str) -> None:
    error = DownloadError(f"ERROR: [youtube] dQw4w9WgXcQ: {text}")
    failure = failure_of(error, WATCH)
    assert isinstance(failure, FetchFailed)
    assert failure.kind == kind
    assert "cookies" not in str(failure)


def test_yt_dlp_still_says_so() -> None:
    """When an update of yt-dlp words something anew, the table above has to follow."""
    sources = "\n".join(file.read_text() for file in Path(yt_dlp.__path__[0]).rglob("*.py"))
    assert [text for text in OWN_WORDS if text not in sources] == []


def test_kinds_by_exception() -> None:
    full = DownloadError("ERROR: unable to write data: [Errno 28] No space left on device")
    full.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert isinstance(failure_of(full, WATCH), CannotWrite)
    empty = failure_of(DownloadError("ERROR: Did not get any data blocks"), WATCH)
    assert isinstance(empty, UnreadableVideo)
    assert empty.kind == "empty"
    closed = DownloadError("ERROR: Unable to download webpage: Remote end closed connection; file removed")
    closed.__cause__ = TransportError("Remote end closed connection")
    broken = failure_of(closed, WATCH)
    assert isinstance(broken, FetchFailed)
    assert broken.kind == "network"
    geo = failure_of(GeoRestrictedError("This video is not available in your country", countries=["AU"]), WATCH)
    assert isinstance(geo, FetchFailed)
    assert geo.kind == "geo"


def test_messages_hold_nothing_of_the_user() -> None:
    text = (
        "ERROR: [youtube] x: Unable to download https://r1.example/videoplayback?ip=203.0.113.7&sig=abc \x1b[31mred\x1b[0m\n"
        "next line; please report this issue on https://github.com/yt-dlp"
    )
    message = str(failure_of(ExtractorError(text, expected=True), WATCH))
    assert message == f"{WATCH}: Unable to download https://r1.example/videoplayback red next line."


def test_clean_text() -> None:
    assert clean_text("a\nb\tc\x1b[2J\x07 d\u202e", 99) == "a b c d"
    assert clean_text("x" * 300, 10) == "x" * 9 + "…"


def test_what_an_address_is_called_says_nothing_about_its_answer() -> None:
    error = DownloadError(
        "ERROR: [generic] Unsupported URL: https://press.example/unusual-traffic-private-captcha.html"
    )
    failure = failure_of(error, WATCH)
    assert isinstance(failure, FetchFailed)
    assert failure.kind == "unsupported"


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with open_workspace(tmp_path / "dataset", create=True) as opened:
        yield opened


def padded(film: Path, size: int) -> bytes:
    """A film that has this size, most of it in a box that players pass over."""
    data = film.read_bytes()
    padding = size - len(data)
    return data + padding.to_bytes(4, "big") + b"free" + bytes(padding - 8)


MIB = 1 << 20


def test_every_kind_by_a_real_answer(
    site: Site, workspace: Workspace, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run over links of which each fails in its own way, and two that don't."""
    monkeypatch.setenv("http_proxy", site.url)  # every name of a host but this machine's leads to the site
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    (site.folder / "large.mp4").write_bytes(padded(film, 6 * MIB))
    (site.folder / "huge.mp4").write_bytes(padded(film, 8 * MIB))
    site.pages["/page.html"] = ("text/html", "<!doctype html><title>Captcha and private lessons</title>")
    challenge = {"cf-mitigated": "challenge"}
    for name, fault in {
        "410": Fault(status=410),
        "401": Fault(status=401),
        "403": Fault(status=403),
        "451": Fault(status=451),
        "429": Fault(status=429, headers={"Retry-After": "86400"}),
        "503": Fault(status=503),
        "418": Fault(status=418),
        "breaks": Fault(drop_after=100),
        "robots": Fault(status=403, headers=challenge),
        "waf": Fault(status=405, headers={"x-amzn-waf-action": "captcha"}),
    }.items():
        shutil.copy(film, site.folder / f"{name}.mp4")
        site.faults[f"/video/{name}.mp4"] = fault
    tiny = [{"format_id": "0", "url": f"{site.url}/video/a.mp4", "ext": "mp4", "width": 160, "height": 120}]
    told = {
        "private": "Private video. Sign in if you've been granted access to this video",
        "age": "Sign in to confirm your age. This video may be inappropriate for some users.",
        "geo": "The uploader has not made this video available in your country",
        "gone": "This video has been removed by the uploader",
        "throttled": "This content isn't available; your session has been rate-limited for up to an hour",
        "bot_check": "Sign in to confirm you’re not a bot",
    }
    for name, words in told.items():
        site.tells(name, error=words)
    wanted = {
        **{f"{site.url}/video/{name}.mp4": kind for name, kind in {"none": "gone", "410": "gone"}.items()},
        **{f"{site.url}/video/{name}.mp4": "private" for name in ("401", "403")},
        f"{site.url}/video/451.mp4": "geo",
        f"{site.url}/video/429.mp4": "throttled",
        f"{site.url}/video/503.mp4": "network",
        f"{site.url}/video/breaks.mp4": "network",
        "http://127.0.0.1:1/nobody-listens.mp4": "network",
        f"{site.url}/page.html": "unsupported",
        f"{site.url}/video/418.mp4": "other",
        f"{site.url}/video/large.mp4": "disk",
        f"{site.url}/video/huge.mp4": "too_large",
        f"{site.url}{site.tells('tiny', title='Ana Ruiz', formats=tiny)}": "too_small",
        # A host that suspects us is left alone, and only that one.
        "http://guarded.example/video/robots.mp4": "bot_check",
        "http://guarded.example/video/never-asked.mp4": "bot_check",
        "http://walled.example/video/waf.mp4": "bot_check",
        **{f"http://platform.example/watch/{name}": name for name in told},
        "http://platform.example/watch/never-asked": "bot_check",
    }
    good = {f"{site.url}/video/a.mp4", "http://fine.example/video/a.mp4"}
    manners = Manners(
        attempts=1,
        backoff_s=0.001,
        longest_wait_s=0.01,
        pause_s=0,
        largest_bytes=7 * MIB,
        keep_free_bytes=0,
        quota_bytes=used_bytes(workspace.root) + 5 * MIB,
    )
    who = Player("Ana Ruiz", urls=(*wanted, *good))
    report = fetch([who], workspace, FindOptions(since=date(2000, 1, 1)), manners=manners, workers=0, quiet=True)
    assert {message.split(": ")[0]: kind for _, kind, message in report.failures} == wanted
    assert {row["source_url"] for row in workspace.read("videos").to_pylist()} == good
    assert not any("never-asked" in path for path in site.paths())
    entries = workspace.ledger.entries("fetch")
    assert entries[video_id(f"{site.url}/video/429.mp4")].next_retry == pytest.approx(time.time() + 86_400, abs=60)
    assert "ask the site for access" in str(entries[video_id("http://guarded.example/video/robots.mp4")].message)
    # Nobody is asked again before the time that a server named.
    site.requests.clear()
    report = fetch([who], workspace, manners=manners, workers=0, quiet=True, retry=Retry("throttled"))
    assert site.paths() == ["http://platform.example/api/throttled.json"]
