"""Whose contact one may see and set: one's own, and as an administrator that of the people in reach."""

from __future__ import annotations

from foundation.ids import StaffId
from identity.guard import Guard
from identity.model import Staff
from identity.policy import Action, Target
from identity.store import Directory
from notify.contacts import Contact, Contacts


class ContactDesk:
    """`notify.contacts` behind the policy. A denial is audited."""

    def __init__(self, contacts: Contacts, directory: Directory, guard: Guard) -> None:
        self._contacts = contacts
        self._directory = directory
        self._guard = guard

    async def of(self, actor: Staff, staff_id: StaffId) -> Contact:
        """Raises Forbidden `policy.denied`, NotFound."""
        await self._require(actor, staff_id)
        return await self._contacts.of(staff_id)

    async def save(self, actor: Staff, staff_id: StaffId, contact: Contact) -> None:
        """Raises as `of`."""
        await self._require(actor, staff_id)
        await self._contacts.save(actor.id, staff_id, contact)

    async def _require(self, actor: Staff, staff_id: StaffId) -> None:
        if actor.id == staff_id:
            return
        person = await self._directory.staff(staff_id)
        target = Target(facility_id=person.facility_id, installation_wide=person.installation_wide)
        await self._guard.require(actor, Action.ADMINISTER_FACILITY, target, act="contact.open", on=staff_id)
