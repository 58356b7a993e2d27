"""Check of the clips in a release: each holds as many frames as its row says."""

from __future__ import annotations

from collections.abc import Iterator

from collector.probe import packet_times
from manifests.errors import UnreadableVideo
from manifests.release import Release

__all__ = ["clip_frames"]


def clip_frames(release: Release) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Clips in which another number of frames is than in their row, by their container; cutting counted what decodes, and the
    checksum holds since.

    Raises:
        Unavailable: ffprobe is missing.
    """
    wrong, unreadable = [], []
    for row in release.table("clips", ["clip_id", "path", "n_frames"]).to_pylist():
        # Whatever is amiss with the path itself, another check names.
        if row["path"] is None or not (path := release.path / row["path"]).is_file():
            continue
        try:
            frames = len(packet_times(path).pts)
        except UnreadableVideo:
            unreadable.append(row["clip_id"])
        else:
            if frames != row["n_frames"]:
                wrong.append(row["clip_id"])
    if wrong:
        yield "clips whose file has more or fewer frames than their row", tuple(wrong)
    if unreadable:
        yield "clips that can't be read as video", tuple(unreadable)
