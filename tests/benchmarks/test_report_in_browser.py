"""The report as people see it: in a real headless Chromium, on a desk and on a telephone."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.suite import benchmark
from tests.chromium import chromium


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("chromium"), log=True) as browser:
        yield browser


@pytest.mark.parametrize("width", [1280, 390])
def test_the_report_fits_the_screen_and_fetches_nothing(make_release, tmp_path: Path, driver, width: int):
    benchmark(make_release(4).path, tmp_path / "out", seeds=1, quiet=True)
    driver.get_log("performance")  # what was asked for before doesn't count
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    driver.get((tmp_path / "out" / "report.html").as_uri())
    assert driver.execute_script("return innerWidth") == width
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width  # only tables scroll sideways
    pictures = driver.execute_script("return [...document.images].map(i => [i.complete, i.naturalWidth, i.alt])")
    assert len(pictures) >= 4
    assert all(complete and wide > 50 and alt for complete, wide, alt in pictures)
    assert not [line for line in driver.get_log("browser") if line["level"] == "SEVERE"]
    asked = [
        line["message"] for line in driver.get_log("performance") if '"Network.requestWillBeSent"' in line["message"]
    ]
    assert not [message for message in asked if '"url":"http' in message]
    # Text is not smaller than people read, and bars stand in their cells.
    assert driver.execute_script("return parseFloat(getComputedStyle(document.body).fontSize)") >= 14
    bars = driver.execute_script(
        "return [...document.querySelectorAll('td svg')].map(s => s.getBoundingClientRect().width)"
    )
    assert bars
    assert all(90 <= bar <= 110 for bar in bars)
