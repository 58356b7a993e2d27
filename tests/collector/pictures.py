"""Small videos whose every frame says which one it is, written and read without the code under test."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from collector.yolo import JOINTS, People

BITS = 10
WIDTH, HEIGHT = 320, 64
SURE = 0.9
PERSON = (40, 200, 40)  # the colour, in BGR, of what `find_green` takes for a person

Image = npt.NDArray[np.uint8]


def barcode(number: int) -> Image:
    """A picture of ten bars, dark or bright: the number in binary, lowest bit at the left."""
    bits = [(number >> bit) & 1 for bit in range(BITS)]
    row = np.repeat(np.array([40 + 160 * bit for bit in bits], np.uint8), WIDTH // BITS)
    return np.broadcast_to(row[None, :, None], (HEIGHT, WIDTH, 3)).copy()


def number_in(image: Image) -> int:
    """The number that a picture's bars show."""
    centres = (np.arange(BITS) + 0.5) * image.shape[1] / BITS
    return int(sum(1 << bit for bit, x in enumerate(centres) if image[10:-10, int(x)].mean() > 120))


def numbers_in(path: Path) -> list[int]:
    """The number of every frame of a file, decoded by OpenCV."""
    capture = cv2.VideoCapture(str(path))
    numbers = []
    while (read := capture.read())[0]:
        numbers.append(number_in(read[1]))
    return numbers


def write_video(path: Path, images: Iterable[Image], times: Sequence[Fraction] | Fraction, *options: str) -> Path:
    """Encode pictures, each shown at its time in seconds, or all at one rate; further options are ffmpeg's."""
    images = list(images)
    height, width = images[0].shape[:2]
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-nostdin",
        "-y",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "bgr24",
        "-s",
        f"{width}x{height}",
    ]
    if isinstance(times, Fraction):
        command += ["-r", str(times), "-i", "pipe:"]
    else:
        ticks = int(np.lcm.reduce([time.denominator for time in times]))
        stamps = "+".join(f"eq(N,{n})*{int(time * ticks)}" for n, time in enumerate(times))
        command += ["-i", "pipe:", "-vf", f"settb=1/{ticks},setpts='{stamps}'"]
        command += ["-fps_mode", "vfr", "-enc_time_base", f"1:{ticks}"]
    command += ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "10", "-pix_fmt", "yuv420p", *options, str(path)]
    subprocess.run(command, input=b"".join(image.tobytes() for image in images), check=True)
    return path


class GreenBlocks:
    """Finds green blocks and calls them people: a finder whose truth is known to the frame.

    A block with a white spot in its upper quarter shows its face.
    """

    def __init__(self) -> None:
        self.looked_at = 0

    def find(self, images: Sequence[Image], confidence: float = 0.25) -> list[People]:
        self.looked_at += len(images)
        return [_blocks(image, confidence) for image in images]


def _blocks(image: Image, least: float) -> People:
    height, width = image.shape[:2]
    green = (np.abs(image.astype(int) - PERSON).max(axis=2) < 60).astype(np.uint8)
    green = cv2.morphologyEx(green, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(green)
    boxes, faces = [], []
    for x, y, w, h, area in stats[1:]:
        if area > 100 and least <= SURE:
            boxes.append([x / width, y / height, (x + w) / width, (y + h) / height])
            faces.append(bool((image[y : y + h // 4 + 1, x : x + w].min(axis=2) > 200).any()))
    keypoints = np.zeros((len(boxes), JOINTS, 3), np.float32)
    keypoints[:, :5, 2] = np.array(faces, np.float32).reshape(-1, 1)
    confidence = np.full(len(boxes), SURE, np.float32)
    return People(np.array(boxes, np.float32).reshape(-1, 4), confidence, keypoints)


def room(people: Sequence[tuple[int, int, int, int, bool]] = (), width: int = 160, height: int = 96) -> Image:
    """A grey room with green people (x, y, width, height, with a face)."""
    image = np.full((height, width, 3), 90, np.uint8)
    for x, y, w, h, face in people:
        image[y : y + h, x : x + w] = PERSON
        if face:
            image[y + 1 : y + 5, x + w // 2 - 2 : x + w // 2 + 3] = 255
    return image
