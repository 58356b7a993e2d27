"""A spotter for tests of what is done with one, not of what it finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from manifests.taxonomy import LABELS
from models.checkpoints import Card
from models.settings import to_mapping
from models.spot.calibration import Calibration
from models.spot.network import SpotNetwork, SpotterNetwork
from models.spot.spotter import SpotSettings, Spotter, save_spotter

__all__ = ["untaught_spotter"]


def untaught_spotter(folder: Path) -> Path:
    """Write a checkpoint that knows the 32 classes and has learned nothing; return its folder."""
    torch.manual_seed(0)
    shape = SpotNetwork(width=8, levels=2, context=1)
    found = Spotter(SpotterNetwork(shape, len(LABELS)), LABELS, Calibration(1.0, 3.0, np.zeros((100, len(LABELS)))))
    save_spotter(folder, found, Card("spotter", to_mapping(SpotSettings(network=shape)), classes=LABELS))
    return folder
