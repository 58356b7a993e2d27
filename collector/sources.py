"""Where a player's videos are: addresses, pages, feeds and searches, each looked up by yt-dlp and none downloaded."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from yt_dlp.extractor import get_info_extractor
from yt_dlp.utils import unsmuggle_url

from collector.failures import clean_text
from collector.manners import extractor_of, host_of
from collector.players import Player, names_in
from collector.session import Info, Session
from manifests.errors import BadInput, FetchFailed
from manifests.ids import video_id
from manifests.names import holds_phrase

__all__ = [
    "Candidate",
    "FindOptions",
    "canonical_url",
    "find_videos",
    "is_live",
    "look_up_keys",
    "require_search",
    "title_of",
    "too_small",
    "upload_day",
    "why_leave",
]

_YEARS = 7
_MEDIA = {
    ".mp4",
    ".m4v",
    ".mov",
    ".mkv",
    ".webm",
    ".avi",
    ".mpg",
    ".mpeg",
    ".ts",
    ".flv",
    ".ogv",
    ".wmv",
    ".m3u8",
    ".mpd",
}
_TRACKING = re.compile(r"utm_\w+|fbclid|gclid|si|feature|igsh", re.ASCII)
_DEEPEST = 2  # a channel holds tabs, and a tab holds videos


@dataclass(frozen=True)
class FindOptions:
    """What to look for, and what to leave.

    Attributes:
        since, until: first and last day of upload; `since` is seven years before `until` (or today) unless given.
        min_duration_s, max_duration_s: seconds; None for no bound.
        search_prefix: yt-dlp's word for a site's search, such as "ytsearch".
        search_results: how many results of a search are looked at.
        queries: what is searched for a player who has no query of his own; {name} stands for the name.
        title_must: words or phrases that must all stand in the title, however they are written.
        title_must_not: words or phrases of which none may stand in it.
        min_height: lines below which a picture shows no gesture.
    """

    since: date | None = None
    until: date | None = None
    min_duration_s: float | None = None
    max_duration_s: float | None = None
    search_prefix: str = "ytsearch"
    search_results: int = 20
    queries: tuple[str, ...] = ("{name} press conference",)
    title_must: tuple[str, ...] = ()
    title_must_not: tuple[str, ...] = ()
    min_height: int = 240

    @property
    def first_day(self) -> date:
        """`since`, or the day seven years before `until` or today."""
        if self.since is not None:
            return self.since
        last = self.until or datetime.now(UTC).date()
        # 29 February has no anniversary in most years.
        return last.replace(year=last.year - _YEARS, day=min(last.day, 28) if last.month == 2 else last.day)


@dataclass(frozen=True)
class Candidate:
    """A video that may be a player's.

    Attributes:
        url: its address, in the one form that gives it its id; where a feed or search failed, what stands for it.
        title, upload_date, duration_s: as far as they are known without opening the video.
        platform: yt-dlp's name of the site, "generic" for one it doesn't know.
        platform_id: the site's own id of the video.
        found_by: every address, feed and search that led to it.
        player_id: whose it is.
        leave: why it is not fetched; None where it is.
        failure: (kind, message) where a feed or search could not be read.
    """

    url: str
    title: str | None = None
    upload_date: date | None = None
    duration_s: float | None = None
    platform: str | None = None
    platform_id: str | None = None
    found_by: tuple[str, ...] = ()
    player_id: str | None = None
    leave: str | None = None
    failure: tuple[str, str] | None = None

    @property
    def video_id(self) -> str:
        """Id of the video, and its key in the ledger."""
        return video_id(self.url)


def canonical_url(url: str) -> str:
    """One address for all spellings of it: no fragment, no tracking, lower-case host; YouTube's short and list forms undone."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    scheme = parts.scheme.lower()
    if parts.port and parts.port != {"http": 80, "https": 443}.get(scheme):
        host = f"{host}:{parts.port}"
    # A film's address that also names a list is taken by another extractor; the film's own still knows it.
    if host_of(url) == "youtube" and (key := get_info_extractor("Youtube").get_temp_id(url)):
        return f"https://www.youtube.com/watch?v={key}"
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(name, value) for name, value in pairs if not _TRACKING.fullmatch(name)]
    # Rewritten only where something is dropped: a signed query must stay as it is, letter by letter.
    query = parts.query if len(kept) == len(pairs) else urlencode(kept)
    return urlunsplit((scheme, host, parts.path or "/", query, ""))


def require_search(options: FindOptions) -> None:
    """Do nothing, as long as yt-dlp knows the search that the options name.

    Raises:
        BadInput: it doesn't.
    """
    if extractor_of(f"{options.search_prefix}1:name").ie_key() == "Generic":
        raise BadInput(
            f"--search-prefix {options.search_prefix}: yt-dlp knows no such search. "
            "`yt-dlp --list-extractors | grep -i search` lists those that it knows; YouTube's is ytsearch."
        )


def find_videos(
    player: Player,
    options: FindOptions,
    session: Session,
    settled: Collection[str] = (),
    only: Collection[str] | None = None,
) -> Iterator[Candidate]:
    """Look for a player's videos; one that is found several ways comes once and remembers all of them.

    A feed or search that can't be read comes as a candidate with its failure, so that it is not lost.

    Args:
        settled: ids of videos that need no looking up, because they were fetched before.
        only: keys (`look_up_keys`) of the ways to follow; all of them unless given.
    """
    found: dict[str, _Found] = {}
    for way in _ways(player, options):
        if only is not None and video_id(way.key) not in only:
            continue
        for one in way.follow(session, settled):
            if one.failure is None and _is_web(one.url):
                one.url = canonical_url(one.url)
            if one.url in found:
                found[one.url].add(one)
            else:
                found[one.url] = one
    for one in found.values():
        yield one.candidate(player, options)


def why_leave(
    options: FindOptions,
    upload_date: date | None = None,
    duration_s: float | None = None,
    *,
    live: bool = False,
    titles: Sequence[str] = (),
) -> str | None:
    """Why a video is outside what was asked for; None if it isn't, as far as one knows.

    Args:
        titles: all that are known of it; without one, no word is missed.
    """
    if live:
        return "it is a live stream"
    if upload_date is not None and upload_date < options.first_day:
        return f"uploaded on {upload_date}, before {options.first_day}"
    if upload_date is not None and options.until is not None and upload_date > options.until:
        return f"uploaded on {upload_date}, after {options.until}"
    if duration_s is not None and options.min_duration_s is not None and duration_s < options.min_duration_s:
        return f"lasts {duration_s:.0f} s, less than {options.min_duration_s:.0f}"
    if duration_s is not None and options.max_duration_s is not None and duration_s > options.max_duration_s:
        return f"lasts {duration_s:.0f} s, more than {options.max_duration_s:.0f}"
    for phrase in options.title_must:
        if titles and not any(holds_phrase(title, phrase) for title in titles):
            return f"its title lacks “{phrase}”"
    for phrase in options.title_must_not:
        if any(holds_phrase(title, phrase) for title in titles):
            return f"its title has “{phrase}”"
    return None


def too_small(options: FindOptions, width: int | None, height: int | None) -> str | None:
    """Why a picture is too small, standing or lying; None if it isn't, or if nobody knows."""
    if width and height and min(width, height) < options.min_height:
        return f"{width}x{height}, smaller than {options.min_height} lines"
    return None


# --- the ways to a video -----------------------------------------------------------------------------------------------


@dataclass
class _Found:
    """A video on the way to being a candidate. `given`: the user named it, so its title needn't name the player."""

    url: str
    ways: list[str]
    given: bool
    title: str | None = None
    upload_date: date | None = None
    duration_s: float | None = None
    platform: str | None = None
    platform_id: str | None = None
    size: tuple[int | None, int | None] | None = None
    live: bool = False
    failure: tuple[str, str] | None = None
    titles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.titles = [self.title] if self.title else []

    def add(self, other: _Found) -> None:
        self.ways += [way for way in other.ways if way not in self.ways]
        self.titles += other.titles
        self.given |= other.given
        self.live |= other.live
        for name in ("title", "upload_date", "duration_s", "platform", "platform_id", "size"):
            if getattr(self, name) is None:
                setattr(self, name, getattr(other, name))

    def candidate(self, player: Player, options: FindOptions) -> Candidate:
        leave = None
        if self.failure is None:
            leave = why_leave(options, self.upload_date, self.duration_s, live=self.live, titles=self.titles)
            leave = leave or too_small(options, *(self.size or (None, None)))
            if not self.given and not any(names_in(title, player) for title in self.titles):
                leave = "its title does not name the player"
            if not _is_web(self.url):
                leave = "it is not at a web address"
        return Candidate(
            self.url,
            self.title,
            self.upload_date,
            self.duration_s,
            self.platform,
            self.platform_id,
            tuple(self.ways),
            player.player_id,
            leave,
            self.failure,
        )


@dataclass(frozen=True)
class _Way:
    """An address, feed or search by which videos are found.

    Attributes:
        label: what `found_by` remembers.
        key: what stands for it in the ledger where it can't be read.
    """

    label: str
    address: str
    given: bool
    key: str

    def follow(self, session: Session, settled: Collection[str]) -> Iterator[_Found]:
        if self.given and (video_id(self.key) in settled or _is_one_video(self.address)):
            yield self._plain()
            return
        try:
            # Fetching tries a given address again, and with more patience.
            # Nobody but this player has a given address, so there's no need to remember it.
            info = session.look_up(self.address, attempts=1 if self.given else None, remember=not self.given)
            yield from self._unfold(info, session, _DEEPEST)
        except FetchFailed as error:
            yield self._plain() if self.given else self._failed(error)

    def _plain(self) -> _Found:
        extractor = extractor_of(self.address)
        return _Found(self.address, [self.label], self.given, platform=extractor.ie_key().lower())

    def _failed(self, error: FetchFailed) -> _Found:
        return _Found(self.key, [self.label], self.given, failure=(error.kind, str(error)))

    def _unfold(self, info: Info, session: Session, depth: int, page: str | None = None) -> Iterator[_Found]:
        kind = info.get("_type", "video")
        if kind in ("playlist", "multi_video"):
            for entry in info.get("entries") or ():
                if entry:
                    yield from self._unfold(entry, session, depth, info.get("webpage_url") or self.address)
        elif kind != "video" and depth > 0 and _is_web(info.get("url") or "") and _is_list(info):
            yield from self._unfold(session.look_up(info["url"]), session, depth - 1)
        else:
            yield self._entry(info, page)

    def _entry(self, info: Info, page: str | None) -> _Found:
        url = info.get("webpage_url") or info.get("url") or self.address
        # Several videos of one page share the page's address; their files' addresses tell them apart.
        if page is not None and url == page and info.get("url"):
            url = info["url"]
        url = unsmuggle_url(url)[0]
        return _Found(
            url,
            [self.label],
            self.given,
            title=title_of(info, url),
            upload_date=upload_day(info, url),
            duration_s=info.get("duration"),
            platform=str(info.get("extractor_key") or info.get("ie_key") or extractor_of(url).ie_key()).lower(),
            platform_id=clean_text(str(info.get("id") or ""), 200) or None,
            size=(info.get("width"), info.get("height")),
            live=is_live(info),
        )


def _ways(player: Player, options: FindOptions) -> Iterator[_Way]:
    for url in player.urls:
        yield _Way(f"url {url}", url, given=True, key=canonical_url(url))
    for feed in player.feeds:
        yield _Way(f"feed {feed}", feed, given=False, key=feed)
    own = tuple(query.strip() for query in (player.query or "").split("|") if query.strip())
    if own or not (player.urls or player.feeds):
        for number, query in enumerate(own or options.queries):
            search = f"{options.search_prefix}{options.search_results}:{query.replace('{name}', player.name)}"
            # The key outlives a change of the search's words, so that a failure does too, until a search succeeds.
            which = f"search {number + 1}" if number else "search"
            yield _Way(f"search {search}", search, given=False, key=f"{which} for {player.player_id}")


def look_up_keys(player: Player, options: FindOptions) -> list[str]:
    """Keys under which the ledger would have a player's addresses, feeds and searches that could not be read."""
    return [video_id(way.key) for way in _ways(player, options)]


def _is_web(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_file(address: str) -> bool:
    return PurePosixPath(urlsplit(address).path).suffix.lower() in _MEDIA


def _is_one_video(address: str) -> bool:
    """Whether the address alone says that it is one video."""
    if _is_file(address):
        return True
    extractor = extractor_of(address)
    return extractor.ie_key() != "Generic" and extractor.is_single_video(address) is True


def _is_list(entry: Info) -> bool:
    """Whether an entry is itself a list, as the tabs of a channel are."""
    key = entry.get("ie_key") or extractor_of(entry["url"]).ie_key()
    return str(key) == "YoutubeTab" or extractor_of(entry["url"]).is_single_video(entry["url"]) is False


def is_live(info: Info) -> bool:
    """Whether it is, or will be, a live stream."""
    return bool(info.get("is_live")) or info.get("live_status") in ("is_live", "is_upcoming")


def title_of(info: Info, url: str) -> str | None:
    """The title that somebody gave the video; None of a bare file, whose title yt-dlp makes of its name."""
    return None if info.get("direct") and _is_file(url) else clean_text(info.get("title") or "", 300) or None


def upload_day(info: Info, url: str) -> date | None:
    """The day of upload, as far as yt-dlp knows it; of a bare file it knows only when the server last touched it."""
    if info.get("direct") and _is_file(url):
        return None
    text: Any = info.get("upload_date") or info.get("release_date")
    if isinstance(text, str) and re.fullmatch(r"[0-9]{8}", text):
        try:
            return date(int(text[:4]), int(text[4:6]), int(text[6:]))
        except ValueError:
            return None
    stamp = info.get("timestamp")
    try:
        return None if stamp is None else datetime.fromtimestamp(stamp, UTC).date()
    except (OverflowError, OSError, ValueError, TypeError):
        return None
