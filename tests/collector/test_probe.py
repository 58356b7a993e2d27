"""What a file holds, worked out from how it was made, and what is wrong with files that are no whole video."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from collector.probe import packet_times, probe
from manifests.errors import UnreadableVideo

PICTURE = ["-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=4"]
SOUND = ["-f", "lavfi", "-i", "sine=440:duration=4"]


def ffmpeg(*words: object) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, words)], check=True)


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the same 100 frames at 25 a second, and 4 s of sound, in several containers."""
    folder = tmp_path_factory.mktemp("media")
    ffmpeg(*PICTURE, *SOUND, "-pix_fmt", "yuv420p", "-movflags", "+faststart", folder / "front.mp4")
    for name in ("late.mp4", "a.mkv", "a.ts", "a.flv"):
        ffmpeg("-i", folder / "front.mp4", "-c", "copy", folder / name)
    ffmpeg("-i", folder / "front.mp4", "-c", "copy", "-movflags", "frag_keyframe+empty_moov", folder / "frag.mp4")
    ffmpeg("-i", folder / "front.mp4", "-c:v", "mpeg4", folder / "a.avi")
    ffmpeg("-i", folder / "front.mp4", "-vn", "-c", "copy", folder / "sound.mp4")
    return folder


@pytest.mark.parametrize("name", ["front.mp4", "late.mp4", "frag.mp4", "a.mkv", "a.ts", "a.flv"])
def test_the_same_recording_in_any_container(media: Path, name: str) -> None:
    found = probe(media / name)
    assert (found.width, found.height, found.codec, found.n_frames) == (320, 240, "h264", 100)
    assert found.fps == 25
    assert not found.variable_fps
    assert found.duration_s == pytest.approx(4.0, abs=0.002)  # Matroska and FLV round to milliseconds
    assert found.n_streams == 2
    assert found.pixel_shape == 1


def test_ntsc_is_exact(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=64x64:rate=30000/1001:duration=2", tmp_path / "a.mkv")
    found = probe(tmp_path / "a.mkv")
    assert found.fps == Fraction(30000, 1001)
    assert not found.variable_fps


def test_variable_rate(media: Path, tmp_path: Path) -> None:
    """40 frames of 40 ms each, then every third of the other 60."""
    select = r"select=lt(n\,40)+not(mod(n\,3))"
    ffmpeg("-i", media / "front.mp4", "-an", "-vf", select, "-fps_mode", "vfr", tmp_path / "a.mp4")
    found = probe(tmp_path / "a.mp4")
    times = packet_times(tmp_path / "a.mp4")
    pts, time_base = times.pts, times.time_base
    expected = [n * 40 for n in range(100) if n < 40 or n % 3 == 0]
    assert found.variable_fps
    assert found.n_frames == len(expected) == 60
    np.testing.assert_array_equal((pts - pts[0]) * time_base * 1000, expected)


def test_times_are_ascending_whatever_the_coding_order(media: Path) -> None:
    times = packet_times(media / "front.mp4")
    assert times.pts.dtype == np.int64
    np.testing.assert_array_equal(np.diff(times.pts) * times.time_base, np.full(99, Fraction(1, 25)))


def test_a_program_stream_tells_only_some_times(media: Path, tmp_path: Path) -> None:
    """Of frames that come in another order than they are shown; what it says of the others is when they are decoded."""
    ffmpeg("-i", media / "front.mp4", "-an", "-c:v", "mpeg2video", "-bf", "2", "-g", "20", tmp_path / "a.mpg")
    command = ["ffprobe", "-v", "error", "-show_entries", "packet=pts", "-of", "csv=p=0", str(tmp_path / "a.mpg")]
    assert "N/A" in subprocess.run(command, check=True, capture_output=True, text=True).stdout
    times = packet_times(tmp_path / "a.mpg")
    np.testing.assert_array_equal(np.diff(times.pts), np.full(99, 3600))
    assert times.keyframes[0] == times.pts[0]
    assert len(times.keyframes) >= 5
    assert np.isin(times.keyframes, times.pts).all()
    assert not probe(tmp_path / "a.mpg").variable_fps


def test_rotation_and_pixel_shape(media: Path, tmp_path: Path) -> None:
    ffmpeg("-i", media / "front.mp4", "-c", "copy", "-metadata:s:v", "rotate=90", tmp_path / "turned.mp4")
    turned = probe(tmp_path / "turned.mp4")
    assert (turned.width, turned.height) == (240, 320)
    ffmpeg("-i", media / "front.mp4", "-an", "-vf", "setsar=16/15", tmp_path / "wide.mp4")
    assert probe(tmp_path / "wide.mp4").pixel_shape == Fraction(16, 15)


def test_frames_outside_the_edit_list_are_not_shown(media: Path, tmp_path: Path) -> None:
    """Copied from 1 s on, the file must keep the frames since the key frame at 0, but shows 75 of the 100."""
    ffmpeg("-ss", 1, "-i", media / "front.mp4", "-c", "copy", "-an", tmp_path / "a.mp4")
    assert probe(tmp_path / "a.mp4").n_frames == 75


def refusal(path: Path) -> tuple[str, str]:
    with pytest.raises(UnreadableVideo) as caught:
        probe(path)
    return caught.value.kind, str(caught.value)


def cut(path: Path, share: float, tmp_path: Path) -> Path:
    data = path.read_bytes()
    target = tmp_path / path.name
    target.write_bytes(data[: int(len(data) * share)])
    return target


@pytest.mark.parametrize("name", ["front.mp4", "late.mp4", "frag.mp4", "a.mkv", "a.flv", "a.avi"])
def test_cut_to_a_third(media: Path, tmp_path: Path, name: str) -> None:
    kind, message = refusal(cut(media / name, 1 / 3, tmp_path))
    assert kind == "truncated"
    assert name in message


def test_a_frame_lost_at_the_end_counts(media: Path, tmp_path: Path) -> None:
    assert refusal(cut(media / "front.mp4", 0.99, tmp_path))[0] == "truncated"


def test_what_is_no_video(media: Path, tmp_path: Path) -> None:
    page, empty, text, picture = (tmp_path / name for name in ("page.mp4", "empty.mp4", "text.mkv", "picture.mp4"))
    page.write_text("<!doctype html><html><body>Not found</body></html>")
    empty.touch()
    text.write_text("1\n00:00:00,000 --> 00:00:02,000\nhello\n")
    ffmpeg(*PICTURE, "-frames:v", 1, "-f", "image2", "-c:v", "png", picture)
    assert refusal(page) == ("not_video", "page.mp4: a web page or another text, not a video")
    assert refusal(empty)[0] == "empty"
    assert refusal(text)[0] == "not_video"
    assert refusal(picture)[0] == "not_video"
    kind, message = refusal(media / "sound.mp4")
    assert kind == "no_picture"
    assert "holds sound" in message


def test_sound_with_a_cover_has_no_moving_picture(tmp_path: Path) -> None:
    cover = tmp_path / "cover.png"
    ffmpeg(*PICTURE, "-frames:v", 1, cover)
    ffmpeg(
        *SOUND,
        "-i",
        cover,
        "-map",
        "0",
        "-map",
        "1",
        "-c:v",
        "copy",
        "-disposition:v",
        "attached_pic",
        tmp_path / "a.mp3",
    )
    assert refusal(tmp_path / "a.mp3")[0] == "no_picture"


def test_a_playlist_opens_nothing(media: Path, tmp_path: Path) -> None:
    """ffprobe alone would follow each of these to the film that they name, and report it."""
    film = media / "a.ts"
    hls = tmp_path / "hls.mp4"
    hls.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile://{film}\n#EXT-X-ENDLIST\n")
    followed = subprocess.run(
        ["ffprobe", "-v", "error", "-show_format", hls], capture_output=True, text=True, check=False
    )
    assert "format_name=hls" in followed.stdout
    concat = tmp_path / "concat.mp4"
    concat.write_text(f"ffconcat version 1.0\nfile '{film}'\n")
    assert refusal(hls)[0] == refusal(concat)[0] == "not_video"


@pytest.mark.parametrize("name", ["-v.mp4", "pipe:0.mp4", "a%03d.mp4", "с пробелом.mp4"])
def test_hostile_names(media: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes((media / "front.mp4").read_bytes())
    assert probe(tmp_path / name).n_frames == 100
