"""What a view of a book is called, in words: what was done, and by which right."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from foundation.i18n import N_
from records_panel.viewings import Viewing, ViewingGroup
from web.labels import GLASS_REASONS

_ACTS: Mapping[str, str] = MappingProxyType(
    {
        "book.read": N_("Read the book"),
        "book.viewers": N_("Looked at who has viewed it"),
        "book.break_glass": N_("Opened it in an emergency"),
        "file.read": N_("Opened a picture or document"),
        "additions.read": N_("Read what was added while the identity was not established"),
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
_PURPOSES: Mapping[str, str] = MappingProxyType(
    {
        "consult": N_("For a consult"),
        "consent": N_("By a consent in the book"),
    }
)


def act(viewing: Viewing) -> str:
    """The message id of what was done."""
    return _ACTS.get(viewing.act, N_("Another act on the book"))


def why(viewing: Viewing) -> tuple[str, ...]:
    """Message ids of the right by which, and of the reason of an emergency; none for what states none."""
    said = (_GROUNDS.get(viewing.ground), GLASS_REASONS.get(viewing.reason))
    return tuple(text for text in said if text)


def about(group: ViewingGroup) -> tuple[str, ...]:
    """Message ids of why all of a group was; of what was done, where nothing in it says why."""
    if group.latest.is_emergency:
        reasons = (GLASS_REASONS.get(one.reason) for one in group.rows)
        return (N_("In an emergency"), *dict.fromkeys(reason for reason in reasons if reason))
    grounds = dict.fromkeys(_PURPOSES[one.ground] for one in group.rows if one.ground in _PURPOSES)
    return tuple(grounds) or tuple(dict.fromkeys(act(one) for one in group.rows))
