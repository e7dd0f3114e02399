"""What a view of a book is called, in words: what was done, and by which right."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from foundation.i18n import N_
from records_panel.viewings import Viewing
from web.labels import GLASS_REASONS

_ACTS: Mapping[str, str] = MappingProxyType(
    {
        "book.read": N_("Read the book"),
        "book.viewers": N_("Looked at who has viewed it"),
        "book.break_glass": N_("Opened it in an emergency"),
        "book.add": N_("Added to it"),
        "book.withdraw": N_("Took an addition back"),
        "book.move_in": N_("Moved additions here with the identity"),
        "book.move_out": N_("Moved additions away with the identity"),
    }
)
_GROUNDS: Mapping[str, str] = MappingProxyType(
    {
        "consult": N_("for a consult"),
        "consent": N_("by a consent in the book"),
        "break_glass": N_("by an emergency opening"),
    }
)


def act(viewing: Viewing) -> str:
    """The message id of what was done."""
    return _ACTS.get(viewing.act, N_("Another act on the book"))


def why(viewing: Viewing) -> tuple[str, ...]:
    """Message ids of the right by which, and of the reason of an emergency; none for what states none."""
    said = (_GROUNDS.get(viewing.ground), GLASS_REASONS.get(viewing.reason))
    return tuple(text for text in said if text)
