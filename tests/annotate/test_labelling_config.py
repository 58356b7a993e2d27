"""The labelling page: all classes, told apart, in a form that Label Studio takes."""

from __future__ import annotations

import colorsys
from collections import defaultdict
from xml.etree import ElementTree as ET

import pytest
from label_studio_sdk.label_interface import LabelInterface

from annotate.labelling_config import colours, hotkeys, labelling_config
from manifests.taxonomy import CLASSES, GROUPS, LABELS, by_label


@pytest.fixture
def page():
    return ET.fromstring(labelling_config())  # noqa: S314 - our own text


def test_label_studio_takes_it():
    interface = LabelInterface(labelling_config())
    interface.validate()
    assert set(interface.get_control("gesture").labels) == set(LABELS)
    assert set(interface.get_control("verdict").labels) == {"nothing", "unusable"}
    assert set(interface.get_control("certainty").labels) == {"sure", "unsure"}


def test_classes_stand_in_groups_by_body_part(page):
    groups = page.findall("./TimelineLabels/View")
    assert [group.find("Header").get("value").lower() for group in groups] == list(GROUPS)
    for part, group in zip(GROUPS, groups, strict=True):
        shown = {(label.get("alias"), label.get("value")) for label in group.findall("Label")}
        assert shown == {(c.label, c.name) for c in CLASSES if c.body_part == part}


def test_frames_are_counted_by_the_clips_own_rate(page):
    video = page.find("Video")
    assert video.get("frameRate") == "$fps"
    assert float(video.get("defaultPlaybackSpeed")) < 1


def test_keys_and_colours_are_distinct():
    assert len(set(hotkeys().values())) == len(set(colours().values())) == 32
    assert "u" not in hotkeys().values()  # lets go of a region in Label Studio


def test_a_body_part_has_one_hue():
    hues = defaultdict(list)
    for label, colour in colours().items():
        hue, _, saturation = colorsys.rgb_to_hls(*(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)))
        hues[by_label(label).body_part].append(hue if saturation > 0.05 else None)
    for found in hues.values():
        if None not in found:
            assert max(found) - min(found) < 0.02
    typical = [found[0] for found in hues.values() if found[0] is not None]
    assert min(abs(a - b) for i, a in enumerate(typical) for b in typical[:i]) > 0.05
