"""Reads a calendar file of others in a process of its own (`busy_reading`), which is ended when it takes too long."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import datetime

from consult_rooms.busy_reading import MOST_BYTES, Times
from foundation.errors import Invalid
from foundation.fetch import FAULTS as FETCH_FAULTS
from foundation.i18n import N_

TIMEOUT_S = 20.0


async def read_apart(content: bytes, zone: str, starts: datetime, ends: datetime, *, field: str) -> Times:
    """The busy times of a file (`busy_reading.busy_times`). Raises Invalid `busy.…` of that form field."""
    if len(content) > MOST_BYTES:
        raise _refused("too_large", field)
    asked = json.dumps({"zone": zone, "starts": starts.isoformat(), "ends": ends.isoformat()}).encode()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "consult_rooms.busy_reading",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # a traceback could quote the file
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            told, _ = await process.communicate(asked + b"\n" + content)
    except TimeoutError:
        raise _refused("too_many", field) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:  # it hit its bounds
        raise _refused("too_many", field)
    answer = json.loads(told)
    if "fault" in answer:
        raise _refused(answer["fault"], field)
    return [(datetime.fromisoformat(first), datetime.fromisoformat(last)) for first, last in answer["times"]]


def _refused(code: str, field: str) -> Invalid:
    return Invalid(f"busy.{code}", FAULTS[f"busy.{code}"], field=field)


FAULTS = {
    "busy.not_calendar": N_("This is no calendar file (ICS). A page of a web site is none."),
    "busy.too_large": N_("This calendar is larger than 5 MB."),
    "busy.too_many": N_("This calendar holds more than 5,000 events, or repeats them without a sensible end."),
    "busy.too_often": N_("An event of this calendar repeats every hour or more often, which is not taken."),
    "busy.answer": N_("The server did not give the calendar. Check the address."),
    **{f"fetch.{fault}": sentence for fault, sentence in FETCH_FAULTS.items()},
}
"""Why a calendar could not be read, by code."""
