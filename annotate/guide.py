"""The annotators' guide, drawn from the taxonomy: of each class what counts, examples, and what looks alike.

Label Studio shows it beside a project's tasks, as the project's instruction.
"""

from __future__ import annotations

from html import escape

from annotate.labelling_config import hotkeys
from manifests.taxonomy import CLASSES, GROUPS

__all__ = ["guide"]


def guide(first: str) -> str:
    """The guide as HTML without a head: `first` as its first paragraph, headings for the groups, a paragraph for each class."""
    key = hotkeys()
    parts = [f"<p>{escape(first)}</p>"]
    for group in GROUPS:
        parts.append(f"<h3>{escape(group.capitalize())}</h3>")
        for gesture in CLASSES:
            if gesture.body_part == group:
                first, second = (escape(text) for text in gesture.examples)
                parts.append(
                    f"<p><b>{escape(gesture.name)}</b> (key {key[gesture.label]}): {escape(gesture.definition)}<br/>"
                    f"For example: {first} {second}<br/>Not this: {escape(gesture.unlike)}</p>"
                )
    return "\n".join(parts) + "\n"
