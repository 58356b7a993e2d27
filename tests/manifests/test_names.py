"""Names as headlines write them, by pairs that a reader would call the same or not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.names import fold_name, holds_phrase, words_of


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("IGA ŚWIĄTEK: press conference", "Iga Swiatek"),
        ("Łukasz Kubot after the final", "Lukasz Kubot"),
        ("Félix Auger-Aliassime, quarter-final", "Felix Auger Aliassime"),
        ("Holger Rune’s interview", "Holger Rune"),
        ("大坂なおみが会見で語る", "大坂なおみ"),
        ("【全豪】大坂 なおみ 会見", "大坂なおみ"),
        ("ＡＮＡ　ＲＵＩＺ", "Ana Ruiz"),
    ],
)
def test_one_name_in_two_spellings(title: str, name: str) -> None:
    assert holds_phrase(title, name)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Diana Ruiz wins", "Ana Ruiz"),
        ("Ana Ruizer wins", "Ana Ruiz"),
        ("Ruiz, Ana", "Ana Ruiz"),
        ("大坂の天気", "大坂なおみ"),
        ("anything", "…"),
        ("anything", ""),
    ],
)
def test_another_name(title: str, name: str) -> None:
    assert not holds_phrase(title, name)


@given(st.text(max_size=40), st.text(max_size=40))
def test_folding_is_done_once_and_a_text_holds_itself(text: str, other: str) -> None:
    assert words_of(words_of(text)) == words_of(text)
    if words_of(text):
        assert holds_phrase(text, text)
        assert holds_phrase(f"{other} {text} {other}", text)


def test_folding_by_hand() -> None:
    assert fold_name("Iga  ŚWIĄTEK") == "iga swiatek"
    assert words_of("Auger-Aliassime, F.") == "auger aliassime f"
