"""What can be said of a stopwatch without looking at the time."""

from models.speed import embedding_seconds


def test_poses_are_embedded_for_longer_than_nothing():
    assert embedding_seconds("tiny", frames=640) > 0
