"""How often candidates of a score are right, by hand, and as a picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from models.spot.reliability import _wilson as wilson
from models.spot.reliability import draw_reliability, reliability_of


def test_bins_by_hand():
    chance = np.array([0.02, 0.06, 0.55, 0.95, 1.0])
    found = reliability_of(chance, np.array([False, True, True, True, False]))
    assert found.chance.tolist() == pytest.approx([0.04, 0.55, 0.975])
    assert found.right.tolist() == [0.5, 1.0, 0.5]
    assert found.count.tolist() == [2, 1, 2]


def test_interval_of_a_share():
    # Wilson's interval of 5 of 10, as printed in textbooks: 0.237 to 0.763; of 0 of 10: 0 to 0.278.
    low, high = wilson(np.array([0.5, 0.0]), np.array([10, 10]))
    assert low.tolist() == pytest.approx([0.2366, 0.0], abs=1e-4)
    assert high.tolist() == pytest.approx([0.7634, 0.2775], abs=1e-4)


def test_the_plot(tmp_path):
    rng = np.random.default_rng(0)
    chance = rng.random(2000) ** 2
    draw_reliability(reliability_of(chance, rng.random(2000) < chance), tmp_path / "r.png")
    with Image.open(tmp_path / "r.png") as picture:
        assert picture.size == (462, 462)
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 20
