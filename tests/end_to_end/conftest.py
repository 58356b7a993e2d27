"""A small simulated release, built once for all tests of the commands that learn from one."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.simulated import Size, simulated_release


@pytest.fixture(scope="session")
def release(tmp_path_factory) -> Path:
    return simulated_release(
        tmp_path_factory.mktemp("simulated"), Size(people=4, videos=4, minutes=1.0, seed=3), quiet=True
    )
