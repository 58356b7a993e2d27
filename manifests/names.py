"""Names of people and of events, compared as headlines write them: without marks, case and superfluous space."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["fold_name", "holds_phrase", "words_of"]

# Letters that Unicode does not take apart into a base and a mark, though headlines write them without it.
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"})

# Thai and Lao, Burmese, Khmer, Kana, Han.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


def fold_name(text: str) -> str:
    """`text` without marks, case and superfluous space, so that "Iga  ŚWIĄTEK" and "Iga Swiatek" are equal."""
    decomposed = unicodedata.normalize("NFKD", text)
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return " ".join(bare.casefold().translate(_PLAIN).split())


def words_of(text: str) -> str:
    """The folded words of `text`, one space between them: "Auger-Aliassime, F." is "auger aliassime f"."""
    return " ".join(re.findall(r"\w+", fold_name(text)))


def holds_phrase(text: str, phrase: str) -> bool:
    """Whether all words of `phrase` stand in `text`, one after the other; never where `phrase` has no word.

    Scripts that put no space between words (Chinese, Japanese, Thai, …) are searched letter by letter.
    """
    words = words_of(phrase)
    if _UNSPACED.search(words):
        return words.replace(" ", "") in words_of(text).replace(" ", "")
    return bool(words) and f" {words} " in f" {words_of(text)} "
