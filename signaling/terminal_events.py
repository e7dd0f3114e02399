"""What a clinic's shared terminal says of itself. The docstrings here are printed in `docs/protocol.md`."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from identity.fleet import Working
from signaling.acks import Ack, Done
from signaling.shapes import STRICT


@dataclass(frozen=True, slots=True, config=STRICT)
class ReportTerminal:
    """Say how this terminal is equipped, after each connect and whenever it changes: the fleet's page shows it.

    Which terminal it is, the sign-in says; from a sign-in at none it is refused (`terminal.none`).
    """

    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z.+_-]{1,32}$")]
    """The client that runs there; a built page has it in `data-version` of its root element."""
    camera: Working
    """Whether there is a camera that the page may use: `ready`, `not_allowed` (nobody was asked yet), `denied`,
    `missing` or `unknown`."""
    microphone: Working
    """The same of a microphone."""
    name: ClassVar[str] = "report_terminal"
    ack: ClassVar[type[Ack]] = Done
    example: ClassVar[dict[str, Any]] = {"version": "0.1.0+5c1e9a7f", "camera": "ready", "microphone": "denied"}


TerminalEvent = ReportTerminal
