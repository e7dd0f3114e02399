"""Words that are data, not the program's: of question templates and scores, in both languages side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Words:
    """The same words in Vietnamese and in English."""

    vi: str
    en: str

    def name(self, language: str) -> str:
        """In that language; Vietnamese unless it is `en`."""
        return self.en if language == "en" else self.vi

    def json(self) -> dict[str, str]:
        """As `words` reads it back."""
        return {"vi": self.vi, "en": self.en}


def words(data: Mapping[str, Any]) -> Words:
    """The words of a JSON object with `vi` and `en`. Raises KeyError where one is missing."""
    return Words(str(data["vi"]), str(data["en"]))
