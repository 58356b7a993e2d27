"""MG-FM as a method: embeddings from a checkpoint that `pretrain` wrote, its weights left as they are."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.corpus import Sample
from benchmarks.methods import Method
from manifests.errors import BadInput, ItemFailed
from manifests.ids import file_sha256
from models.checkpoints import MODEL

__all__ = ["pretrained"]

_NAME = "mg-fm"


def pretrained(checkpoint: Path | str) -> Method:
    """The method `mg-fm` of a checkpoint.

    Args:
        checkpoint: the folder that `mgcollect pretrain` wrote, or the file of weights in it.

    Raises:
        BadInput: there is no pre-trained MG-FM.
    """
    path = Path(checkpoint)
    path = path / MODEL if path.is_dir() else path
    encoder, _ = _load(str(path.resolve()))
    parameters = sum(weights.numel() for weights in encoder.parameters())
    return Method(
        _NAME, embed=_Embed(str(path.resolve())), parameters=_Parameters(parameters), digest=file_sha256(path)
    )


@dataclass(frozen=True)
class _Parameters:
    count: int

    def __call__(self, _: Any) -> int:
        return self.count


@lru_cache(maxsize=1)
def _load(path: str) -> tuple[Any, int]:
    """The encoder, and the number of frames that gestures were resampled to in its training."""
    from models.pretrain import PretrainSettings, load_encoder
    from models.settings import from_mapping

    encoder, card = load_encoder(path)
    return encoder, from_mapping(PretrainSettings, card.settings, path).windows.frames


@dataclass(frozen=True)
class _Embed:
    """Picklable, so that other processes load the weights themselves."""

    path: str

    def __call__(self, _: Any, samples: Sequence[Sample]) -> npt.NDArray[np.float32]:
        """(n, width) the mean of each gesture's tokens."""
        import torch

        from models.features import features
        from models.store import Item, Recording, write_store

        encoder, frames = _load(self.path)
        kinds = {(sample.poses.skeleton, sample.poses.dims, sample.poses.unit) for sample in samples}
        if len(kinds) != 1:
            raise ItemFailed(f"MG-FM embeds gestures of one skeleton at a time, not {sorted(kinds)}.", kind="skeleton")
        ((skeleton, _, unit),) = kinds
        recordings = (
            Recording(
                sample.poses.positions,
                sample.poses.confidence,
                sample.player_id,
                (Item(str(i), 0, len(sample.poses.keypoints)),),
            )
            for i, sample in enumerate(samples)
        )
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # sums then come in the same order on every machine
        try:
            with tempfile.TemporaryDirectory(prefix="mgcollect-") as folder:
                store = write_store(recordings, Path(folder) / "store", skeleton, y_down=unit == "pixel")
                order = np.argsort(store.names.astype(np.int64))
                return features(encoder, store, order, frames=frames)
        except BadInput as error:
            raise ItemFailed(str(error), kind="skeleton") from error
        finally:
            torch.set_num_threads(threads)
