"""Sets documents as PDF/A-2b (ISO 19005-2) beside the event loop, a few at a time.

The typesetter lets go of Python's lock while it works, so threads are enough (measured: see docs/performance.md).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Final

import typst
from aiohttp import web

from foundation.errors import TooMany, Unavailable
from foundation.i18n import N_

log = logging.getLogger(__name__)

STANDARD: Final = "a-2b"
_HANDS = 2
"""Documents that are set at a time: a node of two cores goes on answering beside them."""
_WAITING = 32
"""Documents that wait for it at most."""
BUSY = N_("Many documents are being made just now. Try again in a moment.")
FAILED = N_("The document could not be set. Nothing is lost; tell your administrator.")


class Press:
    """The typesetter of one process."""

    def __init__(self) -> None:
        self._hands = ThreadPoolExecutor(_HANDS, thread_name_prefix="press")
        self._asked = 0

    async def pdf(self, template: Path, data: Mapping[str, object], at: datetime) -> bytes:
        """The template filled with the data; `at` is the time that stands in the file. The same data, the same bytes.

        Raises `TooMany("document.busy")`, `Unavailable("document.failed")`.
        """
        if self._asked >= _WAITING:
            raise TooMany("document.busy", BUSY, retry_after_s=2)
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._hands, set_pdf, template, data, at)
        except typst.TypstError as error:
            log.error("a document could not be set: %s", template.name)  # the error's own words may quote the text
            raise Unavailable("document.failed", FAILED) from error
        finally:
            self._asked -= 1

    def close(self) -> None:
        """Let go of the threads."""
        self._hands.shutdown(wait=False, cancel_futures=True)


def set_pdf(template: Path, data: Mapping[str, object], at: datetime) -> bytes:
    """The same, in the caller's thread. Raises typst.TypstError, also for a character that the font cannot show."""
    return typst.compile(
        template.read_bytes(),
        format="pdf",
        pdf_standards=STANDARD,
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
        ignore_system_fonts=True,
        timestamp=int(at.timestamp()),
    )


PRESS: web.AppKey[Press] = web.AppKey("press", Press)
