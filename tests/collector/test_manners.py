"""How hosts are asked: one at a time, with pauses, when they say, and not at all after a bot check."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.manners import Manners, Turns, extractor_of, host_of
from manifests.errors import FetchFailed

WATCH = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
PRESS, OTHER = "https://press.example/a.mp4", "https://other.example/a.mp4"


@pytest.mark.parametrize(
    ("address", "extractor"),
    [
        (WATCH, "Youtube"),
        ("https://youtu.be/dQw4w9WgXcQ?si=abc", "Youtube"),
        ("https://www.youtube.com/shorts/dQw4w9WgXcQ", "Youtube"),
        ("https://www.youtube.com/@atptour/videos", "YoutubeTab"),
        ("https://www.youtube.com/playlist?list=PLabcdefghijkl", "YoutubeTab"),
        ("ytsearch20:Ana Ruiz press conference", "YoutubeSearch"),
        # YouTube's own RSS feeds are read as any other feed.
        ("https://www.youtube.com/feeds/videos.xml?channel_id=UCabc", "Generic"),
    ],
)
def test_the_youtube_path_as_far_as_it_goes_offline(address: str, extractor: str) -> None:
    assert extractor_of(address).ie_key() == extractor
    assert host_of(address) == ("youtube" if extractor != "Generic" else "www.youtube.com")


def test_the_search_takes_its_words_and_its_number() -> None:
    search = extractor_of("ytsearch20:Ana Ruiz press conference")()
    asked = []
    search._get_n_results = lambda query, n: asked.append((query, n))
    search._real_extract("ytsearch20:Ana Ruiz press conference")
    assert asked == [("Ana Ruiz press conference", 20)]


def test_whom_an_address_asks() -> None:
    assert host_of("https://vimeo.com/123456") == "vimeo"
    assert host_of(PRESS) == "press.example"
    assert {host_of(f"http://{mine}/a.mp4") for mine in ("127.0.0.1:8000", "localhost", "[::1]")} == {None}


@given(n=st.integers(0, 20), backoff=st.floats(0.001, 100))
def test_back_off_doubles_with_jitter_and_ends(n: int, backoff: float) -> None:
    manners = Manners(backoff_s=backoff, longest_wait_s=120)
    wait = manners.wait_s(n)
    assert min(backoff * 2**n, 120) <= wait <= min(1.5 * backoff * 2**n, 120)
    assert n > 4 or backoff > 2 or len({manners.wait_s(n) for _ in range(20)}) > 1


def most_at_once(turns: Turns, addresses: list[str]) -> int:
    """How many addresses were at most asked for together, each for a fifth of a second by a thread of its own."""
    now, most, lock = 0, 0, threading.Lock()

    def ask(address: str) -> None:
        nonlocal now, most
        with turns.at(address):
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.2)
            with lock:
                now -= 1

    threads = [threading.Thread(target=ask, args=(address,)) for address in addresses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return most


def test_one_connection_a_host_unless_told_otherwise(tmp_path: Path) -> None:
    four = [f"{PRESS}?{n}" for n in range(4)]
    assert most_at_once(Turns(tmp_path, Manners(pause_s=0)), four) == 1
    assert most_at_once(Turns(tmp_path, Manners(pause_s=0, connections=3)), four) == 3
    assert most_at_once(Turns(tmp_path, Manners(pause_s=0)), [PRESS, OTHER]) == 2
    assert most_at_once(Turns(tmp_path, Manners()), [f"http://127.0.0.1/{n}" for n in range(4)]) == 4


def test_a_pause_between_two_addresses_of_a_host(tmp_path: Path) -> None:
    turns = Turns(tmp_path, Manners(pause_s=0.3))
    times = []
    for _ in range(3):
        with turns.at(PRESS):
            times.append(time.time())
    assert times[1] - times[0] >= 0.3
    assert times[2] - times[1] >= 0.3
    with turns.at(OTHER):
        assert time.time() - times[2] < 0.3


def refuse(turns: Turns, address: str, kind: str, until: float | None = None) -> None:
    with pytest.raises(FetchFailed), turns.at(address):
        raise FetchFailed("no", kind, until)


def test_who_asks_to_be_left_alone_is(tmp_path: Path) -> None:
    """For the time that the host names, by every address of it; and what must not be waited for is not asked."""
    turns = Turns(tmp_path, Manners(pause_s=0, longest_wait_s=1))
    soon = time.time() + 0.4
    refuse(turns, PRESS, "network", soon)
    with turns.at(f"{PRESS}?other"):
        assert time.time() >= soon
    late = time.time() + 3600
    refuse(turns, PRESS, "throttled", late)
    with pytest.raises(FetchFailed, match=r"press\.example asked not to be asked before") as caught, turns.at(PRESS):
        pytest.fail("it was asked")
    assert (caught.value.kind, caught.value.next_retry) == ("throttled", late)
    with turns.at(OTHER):
        pass


def test_who_is_busy_and_names_no_time_is_given_as_long_as_any(tmp_path: Path) -> None:
    turns = Turns(tmp_path, Manners(pause_s=0, longest_wait_s=0.4))
    before = time.time()
    refuse(turns, PRESS, "throttled")
    with turns.at(PRESS):
        assert time.time() - before >= 0.4


def test_after_a_bot_check_the_whole_platform_is_left_alone(tmp_path: Path) -> None:
    """For every process of the run, which share the notes; other hosts are still asked."""
    refuse(Turns(tmp_path, Manners(pause_s=0)), WATCH, "bot_check")
    other = Turns(tmp_path, Manners(pause_s=0))
    with pytest.raises(FetchFailed, match="ask the site for access") as caught, other.at("ytsearch3:Ana Ruiz"):
        pytest.fail("it was asked")
    assert caught.value.kind == "bot_check"
    with other.at(PRESS):
        pass
