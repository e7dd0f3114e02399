"""All that serves the rota beside the turns themselves, as one part of the program."""

from __future__ import annotations

from dataclasses import dataclass

from consult_rooms.rota_dates import RotaDates
from consult_rooms.rota_import import RotaImport
from consult_rooms.rota_weeks import RotaWeeks
from consult_rooms.swaps import Swaps


@dataclass(frozen=True, slots=True)
class Duty:
    """The services of the rota's pages."""

    dates: RotaDates
    weeks: RotaWeeks
    swaps: Swaps
    files: RotaImport
