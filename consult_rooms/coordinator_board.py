"""All that serves the coordinators' board, as one part of the program."""

from __future__ import annotations

from dataclasses import dataclass

from consult_rooms.board_acts import BoardActs
from consult_rooms.board_duty import BoardDuty
from consult_rooms.board_queries import BoardQueries
from consult_rooms.phone_tree import PhoneTrees


@dataclass(frozen=True, slots=True)
class CoordinatorBoard:
    """What it shows, who is there, what coordinators do on it, and whom they telephone without it."""

    queries: BoardQueries
    duty: BoardDuty
    acts: BoardActs
    phones: PhoneTrees
