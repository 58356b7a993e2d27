"""yt-dlp's errors in our words, and manners: one at a time, patience, and no evasion."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yt_dlp
from yt_dlp.networking.exceptions import TransportError
from yt_dlp.utils import DownloadError, ExtractorError, GeoRestrictedError

from collector.session import Manners, Session, clean_text, failure_of, host_of
from manifests.errors import CannotWrite, FetchFailed, UnreadableVideo

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


def test_whom_an_address_asks() -> None:
    """The YouTube path, as far as it goes without YouTube: the right extractor takes short, long and searched addresses."""
    assert {host_of(WATCH), host_of("https://youtu.be/dQw4w9WgXcQ"), host_of("ytsearch5:Ana Ruiz")} == {"youtube"}
    assert host_of("https://www.youtube.com/@atptour/videos") == "youtube"
    assert host_of("https://press.example/a.mp4") == "press.example"
    assert (
        host_of("http://127.0.0.1:8000/a.mp4") is host_of("http://localhost/a.mp4") is host_of("http://[::1]/") is None
    )


def failing(times: int, text: str, calls: list[float]) -> Callable[[], str]:
    def action() -> str:
        calls.append(time.monotonic())
        if len(calls) <= times:
            raise DownloadError(text)
        return "done"

    return action


def test_patience(tmp_path: Path) -> None:
    session = Session(tmp_path, Manners(attempts=3, backoff_s=0.001, pause_s=0))
    calls: list[float] = []
    assert session.patiently(WATCH, failing(2, "rate limit", calls), 3) == "done"
    assert len(calls) == 3
    with pytest.raises(FetchFailed) as caught:
        session.patiently(WATCH, failing(9, "rate limit", calls := []), 3)
    assert (caught.value.kind, len(calls)) == ("throttled", 3)
    with pytest.raises(FetchFailed):
        session.patiently(WATCH, failing(9, "This video does not exist", calls := []), 3)
    assert len(calls) == 1


def test_after_a_bot_check_the_platform_is_left_alone(tmp_path: Path) -> None:
    """For every process of the run, which share the notes; other hosts are still asked."""
    session, other = (Session(tmp_path, Manners(pause_s=0)) for _ in range(2))
    with pytest.raises(FetchFailed, match="left alone for the rest of this run"):
        session.patiently(WATCH, failing(1, "Sign in to confirm you’re not a bot", calls := []), 3)
    assert len(calls) == 1
    with pytest.raises(FetchFailed) as caught:
        other.patiently("ytsearch3:Ana Ruiz", failing(0, "", calls := []), 3)
    assert (caught.value.kind, calls) == ("bot_check", [])
    assert other.patiently("https://vimeo.com/123456", failing(0, "", []), 1) == "done"
    with pytest.raises(FetchFailed):
        session.patiently(WATCH, failing(0, "", calls := []), 3)
    assert calls == []
