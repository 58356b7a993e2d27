"""What proposals are worth, against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from annotate.measured import Measured, measure
from annotate.propose import Propose


def test_measured_by_hand():
    class Says(Propose):
        def process(self, item):
            said = {
                "c0": [(0, 20, "touching_face", 0.9), (50, 60, "touching_jaw", 0.8), (50, 60, "touching_jaw", 0.7)],
                "c1": [],
            }
            return [{"start": a, "end": b, "label": label, "score": s} for a, b, label, s in said[item["clip_id"]]]

    known = {
        # Overlaps by 10 of 20; is met by the first of two; has another label; is not proposed.
        "c0": [(5, 25, "touching_face"), (50, 60, "touching_jaw"), (0, 20, "touching_ears")],
        "c1": [(0, 9, "touching_face")],
    }
    rows = {clip: [{"start": a, "end": b, "label": label} for a, b, label in some] for clip, some in known.items()}
    found = measure(Says(), [{"clip_id": "c0"}, {"clip_id": "c1"}], rows, {"c0": "P1", "c1": "P2"})
    # (5, 25) and (0, 20) share 15 frames of 25: 0.6.
    assert found.sums.tolist() == [[2, 3, 3], [0, 1, 0]]
    assert (found.found, found.right, found.f1) == (pytest.approx(2 / 4), pytest.approx(2 / 3), pytest.approx(4 / 7))
    # Of touching_face one of two is found at tIoU 0.6 and none at 0.7; of touching_jaw the only one; of touching_ears none.
    named = {name: one.value for name, one in found.ranked.items()}
    assert named["map_tiou_0.6"] == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert named["map_tiou_0.7"] == pytest.approx((0 + 1 + 0) / 3)
    assert named["map"] == pytest.approx((6 * 0.5 + 1 / 3) / 7)
    # Whatever the class: overlaps of 0.6 (0.5, 0.55 and 0.6 of ten thresholds), 1, 0.6 again ((0, 20) is proposed: 1), and none.
    assert named["ar_1"] == pytest.approx((0.3 + 0 + 1 + 0) / 4)
    assert named["ar_10"] == pytest.approx((0.3 + 1 + 1 + 0) / 4)
    low, high = found.ranked["map"].interval
    assert low <= named["map"] <= high
    assert Measured("m", np.zeros((0, 3))).f1_interval is None
