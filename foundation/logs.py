"""Process logs: one JSON object a line for machines, or plain lines for a person at a terminal.

Logs carry codes and opaque ids only. Names and numbers of patients never reach them (house rule 10).
"""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

request_id: ContextVar[str] = ContextVar("request_id", default="-")
"""The id of the request that is being served, for every line logged on its behalf."""


class JsonLines(logging.Formatter):
    """A record as one JSON object: at, level, logger, request, text, and a traceback when there is one."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "request": request_id.get(),
            "text": record.getMessage(),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def configure(*, as_json: bool, level: str = "INFO") -> None:
    """Send all logs to standard error in the chosen form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonLines() if as_json else logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("engineio.server", "socketio.server", "aioice", "alembic", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
