"""The main navigation: which pages a person's roles lead to. It shows ways only; each page's own policy decides."""

from __future__ import annotations

from dataclasses import dataclass

from foundation.i18n import N_
from identity.model import Role, Session

_CLINICAL = frozenset({Role.RURAL_DOCTOR, Role.SPECIALIST, Role.COORDINATOR})
_PAGES: tuple[tuple[str, str, frozenset[Role]], ...] = (
    ("/", N_("Home"), frozenset(Role)),
    ("/coordinator", N_("Board"), frozenset({Role.COORDINATOR})),
    ("/slots", N_("Slots"), frozenset({Role.COORDINATOR})),
    ("/rota", N_("On-call rota"), frozenset()),
    ("/figures", N_("Figures"), frozenset({Role.COORDINATOR, Role.ADMINISTRATOR})),
    ("/turns", N_("My turns"), frozenset({Role.SPECIALIST})),
    # Coordinators find these two on their board: a tenth link would take the menu a second row.
    ("/ladder", N_("Who would be rung"), frozenset({Role.ADMINISTRATOR})),
    ("/fleet", N_("Terminals"), frozenset({Role.ADMINISTRATOR})),
    ("/owed", N_("What I owe"), frozenset({Role.RURAL_DOCTOR, Role.SPECIALIST})),
    ("/agenda", N_("Agenda"), _CLINICAL),
    ("/written", N_("Written cases"), _CLINICAL),
    ("/consults", N_("Past consults"), _CLINICAL),
    ("/administration", N_("Administration"), frozenset({Role.ADMINISTRATOR})),
    ("/administration/audit", N_("Audit trail"), frozenset({Role.DATA_PROTECTION_OFFICER})),
    ("/administration/emergencies", N_("Emergency openings"), frozenset({Role.DATA_PROTECTION_OFFICER})),
    ("/administration/views", N_("Views of a book"), frozenset({Role.DATA_PROTECTION_OFFICER})),
)


@dataclass(frozen=True, slots=True)
class NavigationItem:
    """One link. `label` is a message id; `current` marks the page that one is on, or below."""

    path: str
    label: str
    current: bool


def navigation(session: Session | None, path: str) -> list[NavigationItem]:
    """The links for this person, the current one marked; none before sign-in or while locked."""
    if session is None or session.locked or session.staff.must_change_password:
        return []
    roles = session.staff.roles
    allowed = [(target, label) for target, label, of in _PAGES if roles & of or _keeps(session, target)]
    inside = [target for target, _ in allowed if path == target or (target != "/" and path.startswith(target + "/"))]
    current = max(inside, key=len, default=None)
    return [NavigationItem(target, label, target == current) for target, label in allowed]


def _keeps(session: Session, target: str) -> bool:
    """Whether this is a page of the calendar that this person keeps for a hospital."""
    keeper = session.staff.roles & {Role.COORDINATOR, Role.ADMINISTRATOR}
    return target in ("/slots", "/rota") and bool(keeper) and session.facility.is_hub
