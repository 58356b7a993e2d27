"""MG-FM's network fine-tuned in its cell, pre-trained (`mg-fm-tuned`) or from random weights (`mg-fm-scratch`).

The recipe is that of `mgcollect train recognise`, in 32-bit floats. It takes minutes, so it is scored where it is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.corpus import Sample
from benchmarks.held import hold
from benchmarks.methods import Method
from benchmarks.pretrained import load_pretrained
from manifests.ids import file_sha256

__all__ = ["FROM_SCRATCH", "TUNED", "fine_tuned"]

TUNED = "mg-fm-tuned"
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Tune:
    """Picklable, so that other processes load the weights themselves.

    Attributes:
        path: of the pre-trained encoder's weights; None trains from scratch.
        minutes: after which training ends, if its passes haven't ended it before.
    """

    path: str | None
    minutes: float | None = None

    def __call__(self, samples: Sequence[Sample], labels: Ints, taxonomy: tuple[str, ...], seed: int) -> Any:
        from models.recognise import RecogniseSettings, train_recognise

        known = np.flatnonzero(labels >= 0)
        store = replace(hold([samples[int(i)] for i in known], taxonomy), labels=labels[known])
        settings = RecogniseSettings()
        training = replace(settings.training, seed=seed, minutes=self.minutes, accelerator="cpu")
        settings = replace(settings, training=training)
        encoder = None if self.path is None else load_pretrained(self.path)[0]
        everything = np.arange(len(known))
        # It wants something to test on; the tested people are none of its business here.
        model, _ = train_recognise(
            store, None, settings, encoder=encoder, train=everything, test=everything[:1], quiet=True
        )
        return model


def _predict(model: Any, samples: Sequence[Sample]) -> npt.NDArray[np.float32]:
    from models.recognise import predict

    return predict(model, hold(samples), np.arange(len(samples)), model.settings.test_views)


def _count(model: Any) -> int:
    return sum(weights.numel() for weights in model.parameters())


def _method(name: str, fit: _Tune, weights: str = "") -> Method:
    return Method(
        name,
        fit=fit,
        predict=_predict,
        within=partial(_timed, name, fit, weights),
        parameters=_count,
        digest=weights if fit.minutes is None else f"{weights} {fit.minutes} minutes",
    )


def _timed(name: str, fit: _Tune, weights: str, minutes: float) -> Method:
    return _method(name, replace(fit, minutes=minutes), weights)


FROM_SCRATCH = _method("mg-fm-scratch", _Tune(None))


def fine_tuned(weights: Path) -> Method:
    """The method of a pre-trained MG-FM's file of weights."""
    return _method(TUNED, _Tune(str(weights)), file_sha256(weights))
