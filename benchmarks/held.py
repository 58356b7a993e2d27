"""A method's samples as a store of poses in memory, which is what the models read."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.corpus import Sample
from manifests.errors import BadInput, ItemFailed
from models.store import Item, PoseStore, Recording, hold_store

__all__ = ["hold"]


def hold(samples: Sequence[Sample], classes: Sequence[str] = ()) -> PoseStore:
    """One item a sample, in their order; what nobody saw has confidence 0.

    Raises:
        ItemFailed: the samples have different skeletons, or one that nobody knows.
    """
    kinds = {(sample.poses.skeleton, sample.poses.dims, sample.poses.unit) for sample in samples}
    if len(kinds) != 1:
        raise ItemFailed(f"The models read gestures of one skeleton at a time, not {sorted(kinds)}.", kind="skeleton")
    ((skeleton, _, unit),) = kinds
    recordings = [
        Recording(
            sample.poses.positions,
            sample.poses.confidence,
            sample.player_id,
            (Item(sample.gesture_id, 0, len(sample.poses.keypoints)),),
        )
        for sample in samples
    ]
    try:
        return hold_store(recordings, skeleton, classes=classes, y_down=unit == "pixel", in_body_frame=unit == "body")
    except BadInput as error:
        raise ItemFailed(str(error), kind="skeleton") from error
