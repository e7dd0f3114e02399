"""Where a page ended: a time and an id, opaque to the client."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.ids import is_id


def cursor(at: datetime, row_id: str) -> str:
    """The cursor behind that row."""
    return base64.urlsafe_b64encode(f"{at.isoformat()} {row_id}".encode()).decode().rstrip("=")


def position(text: str) -> tuple[datetime, str]:
    """The time and id of a cursor. Raises Invalid("cursor.unusable")."""
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
        written, _, row_id = plain.partition(" ")
        at = datetime.fromisoformat(written)
    except (binascii.Error, ValueError) as error:
        raise Invalid("cursor.unusable", UNUSABLE, field="cursor") from error
    if not is_id(row_id, row_id[:3]) or at.tzinfo is None or not 2000 <= at.year <= 2200:
        raise Invalid("cursor.unusable", UNUSABLE, field="cursor")
    return at, row_id


UNUSABLE = N_("This cursor is not one that was given here. Start from the first page.")
