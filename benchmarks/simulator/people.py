"""Simulated people: how large they are, which hand they prefer, how fast, how often and how they move."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.simulator.body import Body, Floats
from manifests.taxonomy import CLASSES

__all__ = ["Person", "draw_person"]

# Country codes that ISO 3166 leaves to users, so that nobody takes these people for real ones.
_COUNTRIES = tuple(f"X{second}{third}" for second in "AB" for third in "ABCDEFGHIJKLMN")


@dataclass(frozen=True)
class Person:
    """One simulated person.

    Attributes:
        number: from 1; the pseudonym is P and the number.
        gender, country, birth_year: as the table of players has them.
        body: lengths of the limbs.
        right_handed: which hand is preferred.
        preference: probability of using the preferred hand where one is enough.
        pace: speed of movements; 1 is average.
        vigour: size of movements; 1 is average.
        fidget: how often gestures come; 1 is average.
        slack: forward bend of the chest at rest, radians.
        elbows: how far the elbows stand out; 0 is average, in units of the direction's length.
        animation: how much the hands move while talking; 1 is average.
        approach: (3,) habitual deviation of the fingers' direction when touching, (outwards, up, front).
        tastes: (32,) logarithm of how much more often than average each class comes.
    """

    number: int
    gender: str
    country: str
    birth_year: int
    body: Body
    right_handed: bool
    preference: float
    pace: float
    vigour: float
    fidget: float
    slack: float
    elbows: float
    animation: float
    approach: Floats
    tastes: Floats

    @property
    def player_id(self) -> str:
        return f"P{self.number:04d}"


def draw_person(number: int, rng: np.random.Generator, tastes_sd: float = 0.7) -> Person:
    """A person drawn from a generator of their own.

    Args:
        number: from 1.
        tastes_sd: spread of the tastes for each class, as the standard deviation of a logarithm.
    """
    gender = "female" if number % 2 else "male"
    stature = rng.normal(1.74, 0.07) if gender == "female" else rng.normal(1.86, 0.07)
    body = Body.of_stature(
        float(stature),
        breadth=float((0.94 if gender == "female" else 1.04) * np.exp(rng.normal(0, 0.05))),
        arms=float(np.exp(rng.normal(0, 0.03))),
        head=float((0.97 if gender == "female" else 1.03) * np.exp(rng.normal(0, 0.04))),
    )
    return Person(
        number=number,
        gender=gender,
        country=_COUNTRIES[int(rng.integers(len(_COUNTRIES)))],
        birth_year=int(rng.integers(1985, 2007)),
        body=body,
        right_handed=bool(rng.random() < 0.88),
        preference=float(rng.uniform(0.55, 0.85)),
        pace=float(np.exp(rng.normal(0, 0.18))),
        vigour=float(np.exp(rng.normal(0, 0.25))),
        fidget=float(np.exp(rng.normal(0, 0.35))),
        slack=float(rng.uniform(0.10, 0.38)),
        elbows=float(rng.normal(0, 0.30)),
        animation=float(np.exp(rng.normal(0, 0.4))),
        approach=rng.normal(0, 0.30, 3).astype(np.float32),
        tastes=rng.normal(0, tastes_sd, len(CLASSES)).astype(np.float32),
    )
