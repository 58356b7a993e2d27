"""Names of people and of events, compared as headlines write them: without marks, case and superfluous space."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["fold_name", "holds_phrase", "words_of"]

# Letters that Unicode does not take apart into a base and a mark, though headlines write them without it.
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"})


def fold_name(text: str) -> str:
    """`text` without marks, case and superfluous space, so that "Iga  ŚWIĄTEK" and "Iga Swiatek" are equal."""
    decomposed = unicodedata.normalize("NFKD", text)
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(bare.casefold().translate(_PLAIN).split())


def words_of(text: str) -> str:
    """The folded words of `text`, one space between them: "Auger-Aliassime, F." is "auger aliassime f"."""
    return " ".join(re.findall(r"\w+", fold_name(text)))


def holds_phrase(text: str, phrase: str) -> bool:
    """Whether all words of `phrase` stand in `text`, one after the other; never where `phrase` has no word."""
    words = words_of(phrase)
    return bool(words) and f" {words} " in f" {words_of(text)} "
