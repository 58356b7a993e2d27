"""What went wrong when a site was asked, as one of the kinds that the ledger keeps, in words that say what to do.

Messages hold nothing of the user: no address of his, and nothing of a media address behind its "?", where sites put both.
"""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from yt_dlp.networking.exceptions import HTTPError, TransportError

from manifests.errors import CannotWrite, FetchFailed, UnreadableVideo

__all__ = ["asked_for_a_person", "asked_to_wait", "clean_text", "failure_of", "retry_after_s", "short"]

# What yt-dlp and the sites say, by kind; the first that fits counts. A bot check and an age gate also say "sign in".
_SAYINGS = (
    ("bot_check", r"not a bot|suspected as a bot|captcha|anti-bot|unusual traffic"),
    ("throttled", r"rate.?limit|too many requests"),
    ("age", r"confirm your age|age.?restrict|inappropriate for some"),
    (
        "geo",
        r"geo.?restrict|geo.?block|(not|n't) (been )?(made )?(this video )?available (in|from) your (country|location|region)",
    ),
    (
        "unsupported",
        r"unsupported url|file:// urls|drm.?protect|no video formats? found|format is not available|not a valid url",
    ),
    ("private", r"\bprivate\b|log ?in|sign in|members.only|premium members|registered users|subscri|requires payment"),
    (
        "gone",
        r"video unavailable|no longer available|(is )?unavailable|removed|deleted|terminated|does(n't| not) exist|"
        r"not found|channel was closed|isn't available",
    ),
    ("network", r"timed out|resolve|connection|unreachable|getaddrinfo|bytes read|reset by peer|ssl|certificate"),
)
_STATUSES = {401: "private", 402: "private", 403: "private", 404: "gone", 410: "gone", 429: "throttled", 451: "geo"}
# How the services that sites put before themselves say that they want to see a person (documented by Cloudflare and AWS).
_CHALLENGES = {"cf-mitigated": ("challenge",), "x-amzn-waf-action": ("challenge", "captcha")}
_MONTH_S = 30 * 86_400.0
_WHAT_TO_DO = {
    "bot_check": "The site wants to know whether this is a person. It is left alone for the rest of this run; wait some "
    "hours and run again with `--retry failed:bot_check`, fetch fewer videos at a time, or ask the site for access.",
    "throttled": "The site asks for fewer requests. Wait an hour, then run again with `--retry failed:throttled`.",
    "network": "Run again with `--retry failed:network`.",
    "unsupported": "Give the address of the video itself, or of a page that yt-dlp knows.",
}


def failure_of(error: BaseException, address: str) -> FetchFailed | UnreadableVideo | CannotWrite:
    """An exception of yt-dlp's as one of ours, whose message says what to do."""
    chain = list(_chain(error))
    text = clean_text(str(error), 300)
    if any(isinstance(link, OSError) and link.errno in (errno.ENOSPC, errno.EDQUOT) for link in chain):
        return CannotWrite(
            "The disk is full. Free some space and run the same command again: it goes on where it stopped."
        )
    if any(isinstance(link, MemoryError) for link in chain):
        return FetchFailed(
            f"{short(address)}: what the site sent is too much to hold in memory, so it was left", "other"
        )
    if re.search(r"did not get any data blocks|downloaded file is empty", text, re.IGNORECASE):
        return UnreadableVideo(f"{short(address)}: the site sent an empty file", kind="empty")
    kind = _kind(text, chain)
    return FetchFailed(f"{short(address)}: {_without_hints(text)}. {_WHAT_TO_DO.get(kind, '')}".rstrip(), kind)


def asked_for_a_person(address: str, host: str) -> FetchFailed:
    """What to say of an address that was not asked for, because its host wanted to see a person earlier in this run."""
    message = f"{short(address)}: {host} asked for a bot check earlier in this run, so it was left alone. "
    return FetchFailed(message + _WHAT_TO_DO["bot_check"], kind="bot_check")


def asked_to_wait(address: str, host: str, until: float) -> FetchFailed:
    """What to say of an address that was not asked for, because its host asked not to be asked before `until` (POSIX)."""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(until))
    message = f"{short(address)}: {host} asked not to be asked before {when}, so it was left alone. "
    message += "Run again with `--retry failed:throttled` then."
    return FetchFailed(message, kind="throttled", next_retry=until)


def retry_after_s(error: BaseException) -> float:
    """Seconds that the server asks to wait, at most a month; 0 if it doesn't say (RFC 9110, section 10.2.3)."""
    value = next(
        (link.response.headers.get("Retry-After") for link in _chain(error) if isinstance(link, HTTPError)), None
    )
    if not value:
        return 0.0
    if value.strip().isdecimal():
        return min(float(value), _MONTH_S)
    try:
        return min(max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()), _MONTH_S)
    except (ValueError, TypeError):
        return 0.0


def clean_text(text: str, longest: int) -> str:
    """Text of the network on one line: no line breaks, no control or terminal sequences, at most `longest` characters."""
    text = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", text)
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def short(address: str) -> str:
    """An address as a message shows it."""
    return clean_text(address, 200)


def _kind(text: str, chain: list[BaseException]) -> str:
    answers = [link for link in chain if isinstance(link, HTTPError)]
    if any(_is_challenge(answer) for answer in answers):
        return "bot_check"
    # What an address is called ("captcha.mp4") says nothing about what its site answered.
    text = re.sub(r"\b[a-z]+://\S+", "", text, flags=re.IGNORECASE)
    said = next((kind for kind, pattern in _SAYINGS if re.search(pattern, text, re.IGNORECASE)), None)
    if not answers:
        # Of a connection that failed, only the fact counts: its words ("closed", "removed") mean other things there.
        return "network" if any(isinstance(link, TransportError | TimeoutError) for link in chain) else said or "other"
    # The server's number is plainer than the words about it, but a bot check comes with any number.
    if said in ("bot_check", "age", "geo"):
        return said
    status = int(answers[0].status)
    return _STATUSES.get(status, "network" if status >= 500 else said or "other")


def _is_challenge(answer: HTTPError) -> bool:
    headers = answer.response.headers
    return any((headers.get(name) or "").lower() in values for name, values in _CHALLENGES.items())


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it came of; yt-dlp keeps the original in any of these places."""
    waiting, seen = [error], set()
    while waiting:
        link = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        info = getattr(link, "exc_info", None)
        sources = [link.__cause__, link.__context__, getattr(link, "cause", None), info[1] if info else None]
        waiting += [source for source in sources if isinstance(source, BaseException)]


def _without_hints(text: str) -> str:
    """yt-dlp's message without its advice for its own command line, and without what an address has after "?"."""
    text = re.sub(r"^ERROR:\s*(\[[\w:+.-]+\] (\S+: )?)?", "", text)
    text = re.split(
        r"; please report this issue|\(caused by|You might want to use a VPN|Use --|; see\s+https|, and try again with",
        text,
    )[0]
    # Media addresses carry the client's own address and signatures there.
    text = re.sub(r"(https?://[^\s?#]+)[?#]\S*", r"\1", text)
    return text.strip(" .;")
