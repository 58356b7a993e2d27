"""An annotator at the labelling page: a real headless Chromium on a real Label Studio."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from annotate.local_server import User
from tests.chromium import chromium

__all__ = ["LabellingPage", "labelling_page"]

_WAIT_S = 90.0


class LabellingPage:
    """One task as an annotator sees it. Frames are as the page counts them: from 1, both ends inclusive."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, url: str, regions: int) -> None:
        """Go to a task, and wait until its film stands there and so many regions on its timeline, which come in any order."""
        self.driver.get(url)
        self._until("return document.querySelector('video')?.readyState >= 2")
        self._until(f"return document.querySelectorAll('.lsf-keypoints_timeline').length === {regions}")

    def regions(self) -> dict[str, tuple[int, int]]:
        """First and last frame of each region on the timeline, by its id."""
        shown = self.driver.find_elements(By.CSS_SELECTOR, ".lsf-keypoints_timeline")
        frames = {str(r.get_attribute("data-id")): (_frame(r, "data-start"), _frame(r, "data-end")) for r in shown}
        assert len(frames) == len(shown)
        return frames

    def drag_end(self, region: str, frames: int) -> None:
        """Drag a region's last frame along the timeline."""
        bar = self.driver.find_element(By.CSS_SELECTOR, f'[data-id="{region}"] .lsf-keypoints__lifespan')
        first, last = self.regions()[region]
        # A bar reaches from the start of its first frame to the start of its last one.
        per_frame = float(bar.value_of_css_property("width").removesuffix("px")) / (last - first)
        handle = bar.find_element(By.CSS_SELECTOR, ".lsf-keypoints__point_last")
        ActionChains(self.driver).click_and_hold(handle).move_by_offset(
            round(frames * per_frame), 0
        ).release().perform()
        WebDriverWait(self.driver, _WAIT_S).until(lambda _: self.regions()[region][1] != last)

    def play(self, seconds: float) -> None:
        """Let the film play until it has come this far."""
        self.driver.execute_script("document.querySelector('video').play()")
        self._until(f"return document.querySelector('video').currentTime >= {seconds}")
        self.driver.execute_script("document.querySelector('video').pause()")

    def film(self, name: str) -> Any:
        """A property of the film's element, such as `playbackRate`."""
        return self.driver.execute_script(f"return document.querySelector('video').{name}")

    def submit(self) -> None:
        """Press Submit, and wait until the server has it."""
        self.driver.find_element(By.XPATH, "//button[normalize-space()='Submit']").click()
        self._until("return [...document.querySelectorAll('button')].some(b => b.textContent.trim() === 'Update')")

    def _until(self, script: str) -> None:
        WebDriverWait(self.driver, _WAIT_S).until(lambda driver: driver.execute_script(script))


@contextmanager
def labelling_page(url: str, user: User, profile: Path) -> Iterator[LabellingPage]:
    """A browser in which `user` is logged in at the Label Studio at `url`; skips where no Chromium is installed."""
    with chromium(profile) as driver:
        driver.get(f"{url}/user/login/")
        driver.find_element(By.NAME, "email").send_keys(user.email)
        password = driver.find_element(By.NAME, "password")
        password.send_keys(user.password)
        password.submit()
        WebDriverWait(driver, _WAIT_S).until(lambda there: "/user/login" not in there.current_url)
        yield LabellingPage(driver)


def _frame(region: WebElement, attribute: str) -> int:
    value = region.get_attribute(attribute)
    assert value is not None
    return int(value)
