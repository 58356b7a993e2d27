"""The guide has every class with its key, its definition and its examples, in the groups of the labelling page."""

from __future__ import annotations

from html import unescape
from xml.etree import ElementTree as ET

from annotate.guide import guide
from annotate.labelling_config import hotkeys
from manifests.taxonomy import CLASSES, GROUPS

FIRST = 'Look, & say "yes".'


def test_every_class_is_explained():
    page = ET.fromstring(f"<body>{guide(FIRST)}</body>")  # noqa: S314 (our own text)
    assert [heading.text for heading in page.iter("h3")] == [group.capitalize() for group in GROUPS]
    explained = ["".join(paragraph.itertext()) for paragraph in page.iter("p")]
    assert explained.pop(0) == FIRST
    assert len(explained) == len(CLASSES)
    for gesture in CLASSES:
        (mine,) = [text for text in explained if text.startswith(f"{gesture.name} (key {hotkeys()[gesture.label]})")]
        assert all(text in unescape(mine) for text in (gesture.definition, *gesture.examples, gesture.unlike))
