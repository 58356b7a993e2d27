"""The page an annotator sees, drawn from the taxonomy: 32 classes on a timeline, in groups by body part, under a slow video.

The names of the controls stand here and nowhere else; `annotate.label_studio` writes and reads results by them.
"""

from __future__ import annotations

import colorsys
from typing import Any
from xml.etree import ElementTree as ET

from manifests.taxonomy import CLASSES, GROUPS, BodyPart, GestureClass

__all__ = [
    "CERTAINTIES",
    "CERTAINTY",
    "DESCRIPTION",
    "GESTURE",
    "VERDICT",
    "VERDICTS",
    "VIDEO",
    "colours",
    "hotkeys",
    "labelling_config",
]

VIDEO = "video"
GESTURE = "gesture"  # the timeline
CERTAINTY = "certainty"  # of one gesture
DESCRIPTION = "description"  # of one gesture, in the annotator's words
VERDICT = "verdict"  # on the whole clip, where no gesture is marked

CERTAINTIES = ("sure", "unsure")
VERDICTS = {"nothing": "Nothing here", "unusable": "Unusable clip"}

# In the page's order. Label Studio itself takes "u" (let go of a region).
_KEYS = "1234567890qwertyiopasdfghjklzxcvbnm"

# One hue a body part, from Okabe and Ito's palette, which people with the common colour blindnesses can tell apart
# (https://jfly.uni-koeln.de/color/); within a body part the classes differ by lightness.
_HUES: dict[BodyPart, str] = {
    "head and face": "#0072b2",
    "neck and chest": "#e69f00",
    "arms and hands": "#009e73",
    "torso": "#cc79a7",
    "no micro-gesture": "#808080",
}
_LIGHTNESS = (0.26, 0.64)  # dark enough to be read as text on white


def labelling_config() -> str:
    """The labelling configuration of Label Studio, as XML."""
    page = ET.Element("View")
    style = ET.SubElement(page, "Style")
    style.text = ".mg-group {display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 6px;}"
    ET.SubElement(
        page,
        "Video",
        name=VIDEO,
        value="$video",
        frameRate="$fps",
        height="400",
        timelineHeight="140",
        muted="true",
        defaultPlaybackSpeed="0.5",
        minPlaybackSpeed="0.25",
    )
    timeline = ET.SubElement(page, "TimelineLabels", name=GESTURE, toName=VIDEO)
    colour, key = colours(), hotkeys()
    for part, classes in _in_groups():
        group = ET.SubElement(timeline, "View", className="mg-group")
        ET.SubElement(group, "Header", value=part.capitalize(), size="5")
        for gesture in classes:
            ET.SubElement(
                group,
                "Label",
                value=gesture.name,
                alias=gesture.label,  # what results hold
                background=colour[gesture.label],
                hotkey=key[gesture.label],
                hint=gesture.definition,
            )
    _region_choice(page)
    verdict = ET.SubElement(page, "Choices", name=VERDICT, toName=VIDEO, choice="single", showInline="true")
    for word, text in VERDICTS.items():
        ET.SubElement(verdict, "Choice", value=text, alias=word)
    ET.indent(page)
    return ET.tostring(page, encoding="unicode")


def colours() -> dict[str, str]:
    """A distinct colour for each label: hue by body part, lightness by class."""
    found = {}
    for part, classes in _in_groups():
        red, green, blue = (int(_HUES[part][i : i + 2], 16) / 255 for i in (1, 3, 5))
        hue, _, saturation = colorsys.rgb_to_hls(red, green, blue)
        darkest, lightest = _LIGHTNESS
        for place, gesture in enumerate(classes):
            lightness = darkest + (lightest - darkest) * (place + 0.5) / len(classes)
            rgb = colorsys.hls_to_rgb(hue, lightness, min(saturation, 0.9))
            found[gesture.label] = "#" + "".join(f"{round(255 * value):02x}" for value in rgb)
    return found


def hotkeys() -> dict[str, str]:
    """A key for each label, along the keyboard in the page's order."""
    ordered = [gesture.label for _, classes in _in_groups() for gesture in classes]
    return dict(zip(ordered, _KEYS, strict=False))


def _in_groups() -> list[tuple[BodyPart, list[GestureClass]]]:
    return [(part, [gesture for gesture in CLASSES if gesture.body_part == part]) for part in GROUPS]


def _region_choice(page: ET.Element) -> None:
    for_region: dict[str, Any] = {"toName": VIDEO, "perRegion": "true", "whenTagName": GESTURE}
    certainty = ET.SubElement(page, "Choices", name=CERTAINTY, choice="single", showInline="true", **for_region)
    for word in CERTAINTIES:
        ET.SubElement(certainty, "Choice", value=word)
    ET.SubElement(
        page,
        "TextArea",
        name=DESCRIPTION,
        placeholder="What do you see? (optional)",
        maxSubmissions="1",
        rows="2",
        editable="true",
        **for_region,
    )
