"""JSON files whose errors name the file and the place in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from manifests.errors import BadInput

__all__ = ["numbers_at", "read_json"]


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        BadInput: it is damaged; the message names line and column.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}, line {error.lineno}, column {error.colno}: {error.msg}. Get the file anew.") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"{path}: not a JSON file in UTF-8 ({error}). Get it anew.") from error


def numbers_at(value: Any, where: str) -> npt.NDArray[np.float32]:
    """A list of numbers, or of lists of numbers, as an array.

    Raises:
        BadInput: something in it is no number, or the lists differ in length.
    """
    if not isinstance(value, list):
        raise BadInput(f"{where}: {type(value).__name__} where a list of numbers is expected.")
    try:
        return np.array(value, dtype=np.float64).astype(np.float32)
    except (TypeError, ValueError):
        raise BadInput(f"{where}: not all of it are numbers in lists of one length.") from None
