"""The accounts of staff: signing in, passwords, and who works where as what.

Whatever takes rights away ends the person's sessions in the same transaction.
"""

from __future__ import annotations

from sqlalchemy import select, update

from foundation.audit import Audit, AuditEntry
from foundation.database import Database, Transaction
from foundation.errors import Conflict, Invalid, SignInNeeded
from foundation.i18n import LOCALES, N_
from foundation.ids import StaffId
from identity.authentication import Authentication
from identity.entries import CHOICE, StaffEntry, checked_staff, first, staff_entry
from identity.guard import Actor, Guard, unique
from identity.model import Session, Staff
from identity.passwords import Passwords, check_new, normal, random_password
from identity.policy import Action, Target
from identity.sessions import ENDED, Sessions
from identity.store import Directory
from identity.tables import departments, facilities, specialties, staff
from identity.terminals import Terminals
from identity.writes import NewStaff, insert_staff, update_staff


class Accounts:
    """Signs people in and administers them."""

    def __init__(
        self,
        database: Database,
        audit: Audit,
        guard: Guard,
        directory: Directory,
        authentication: Authentication,
        passwords: Passwords,
        sessions: Sessions,
        terminals: Terminals,
    ) -> None:
        self._database = database
        self._audit = audit
        self._guard = guard
        self._directory = directory
        self._authentication = authentication
        self._passwords = passwords
        self._sessions = sessions
        self._terminals = terminals

    async def sign_in(
        self, user_name: str, password: str, *, address: str, device_credential: str | None = None
    ) -> tuple[Session, str]:
        """A fresh session and the secret for its cookie. At an enrolled terminal of the own facility it carries that.

        Raises `SignInNeeded("sign_in.wrong" | "sign_in.last_attempts")`, `TooMany("sign_in.throttled")`.
        """
        terminal = await self._terminals.find(device_credential) if device_credential else None
        verified = await self._authentication.check(
            user_name,
            password,
            act="session.start",
            address=address,
            terminal_id=None if terminal is None else terminal.id,
        )
        if terminal is not None and terminal.facility_id != verified.staff.facility_id:
            terminal = None
        async with self._database.transaction() as tx:
            session_id, secret = await self._sessions.start(tx, verified, terminal, address)
        session = await self._sessions.get(session_id)
        if session is None:  # deactivated between the password and here
            raise SignInNeeded("session.ended", ENDED)
        return session, secret

    async def change_password(self, session: Session, password: str, new_password: str, *, address: str = "") -> None:
        """Replace the own password; every other session of this person ends.

        Raises `Invalid` for a new password that will not do (field `new`) and, with the sentence of a failed
        sign-in, for a wrong present one (field `current`); `TooMany("sign_in.throttled")`.
        """
        person = session.staff
        check_new(new_password, person.user_name)
        if normal(new_password) == normal(password):
            raise Invalid("password.same", SAME, field="new")
        try:
            verified = await self._authentication.check(
                person.user_name,
                password,
                act="password.change",
                address=address,
                terminal_id=None if session.terminal is None else session.terminal.id,
            )
        except SignInNeeded as error:
            message = PRESENT_LAST if "left" in error.parameters else PRESENT
            raise Invalid("password.present", message, field="current", **error.parameters) from error
        hashed = await self._passwords.hash(new_password)
        async with self._database.transaction() as tx:
            changed = await tx.execute(
                update(staff)
                .where(staff.c.id == person.id, staff.c.password_number == verified.password_number)
                .values(
                    password_hash=hashed,
                    password_number=verified.password_number + 1,
                    must_change_password=False,
                )
            )
            if not changed.rowcount:  # an administrator has just reset it
                raise SignInNeeded("session.ended", ENDED)
            await self._audit.record(
                tx, AuditEntry(actor=person.id, action="password.change", session=session.id, address=address)
            )
            await self._sessions.end_all(person.id, "password_changed", but=session.id, tx=tx)

    async def reset_password(self, actor: Actor, staff_id: StaffId) -> str:
        """A random password, to be shown once and changed at the next sign-in; the person's sessions end.

        Raises `Forbidden`, `NotFound`.
        """
        await self._administered(actor, staff_id, "password.reset")
        password = random_password()
        [hashed] = await self._passwords.hash_random([password])
        async with self._database.transaction() as tx:
            await tx.execute(
                update(staff)
                .where(staff.c.id == staff_id)
                .values(password_hash=hashed, password_number=staff.c.password_number + 1, must_change_password=True)
            )
            await self._audit.record(tx, AuditEntry(actor=actor.id, action="password.reset", target=staff_id))
            await self._sessions.end_all(staff_id, "password_reset", actor=actor.id, tx=tx)
        return password

    async def create_staff(
        self, actor: Actor, entry: StaffEntry, *, password: str | None = None, demo: bool = False
    ) -> tuple[Staff, str]:
        """A new person and the first password, to be shown once and changed at the first sign-in.

        Demo data brings its own random `password`, which need not be changed. Raises `Invalid` (with `field`), such as
        `staff.user_name_taken`; `Forbidden`.
        """
        entry, problems = checked_staff(entry)
        target = Target(facility_id=entry.facility_id, installation_wide=entry.installation_wide)
        await self._guard.require(actor, Action.ADMINISTER_FACILITY, target, act="staff.create")
        first(problems)
        chosen = password or random_password()
        [hashed] = await self._passwords.hash_random([chosen])
        with unique("staff.user_name_taken", USER_NAME_TAKEN, "user_name"):
            async with self._database.transaction() as tx:
                await self._check_references(tx, entry)
                new = NewStaff(entry, hashed, must_change_password=password is None, demo=demo)
                [staff_id] = await insert_staff(tx, [new])
                await self._audit.record(
                    tx,
                    AuditEntry(
                        actor=actor.id,
                        action="staff.create",
                        target=staff_id,
                        details={
                            "roles": ",".join(sorted(entry.roles)),
                            "sensitivities": ",".join(sorted(entry.sensitivities)),
                        },
                    ),
                )
                return await self._directory.staff(staff_id, tx=tx), chosen

    async def change_staff(self, actor: Actor, staff_id: StaffId, entry: StaffEntry) -> Staff:
        """Overwrite a person's data. Losing a role, the facility or reach over the installation ends the sessions.

        Raises `Invalid` (with `field`), `Forbidden`, `NotFound`, `Conflict("staff.own_rights")` for one's own rights.
        """
        entry, problems = checked_staff(entry)
        before = await self._administered(actor, staff_id, "staff.change")
        target = Target(facility_id=entry.facility_id, installation_wide=entry.installation_wide)
        await self._guard.require(actor, Action.ADMINISTER_FACILITY, target, act="staff.change", on=staff_id)
        first(problems)
        if actor.id == staff_id and entry.rights != staff_entry(before).rights:
            raise Conflict("staff.own_rights", OWN_RIGHTS)
        with unique("staff.user_name_taken", USER_NAME_TAKEN, "user_name"):
            async with self._database.transaction() as tx:
                await self._check_references(tx, entry)
                await update_staff(tx, [(staff_id, entry)])
                after = await self._directory.staff(staff_id, tx=tx)
                await self._audit.record(
                    tx,
                    AuditEntry(
                        actor=actor.id,
                        action="staff.change",
                        target=staff_id,
                        details={
                            "roles_before": ",".join(sorted(before.roles)),
                            "roles_after": ",".join(sorted(after.roles)),
                            "sensitivities_before": ",".join(sorted(before.sensitivities)),
                            "sensitivities_after": ",".join(sorted(after.sensitivities)),
                        },
                    ),
                )
                if entry.takes_from(before):
                    await self._sessions.end_all(staff_id, "rights_changed", actor=actor.id, tx=tx)
                return after

    async def deactivate(self, actor: Actor, staff_id: StaffId) -> Staff:
        """Take the account away: nobody signs in with it, and its sessions end. What the person did stays theirs.

        Raises `Conflict("staff.own_rights")` for one's own account, `Forbidden`, `NotFound`.
        """
        if actor.id == staff_id:
            raise Conflict("staff.own_rights", OWN_RIGHTS)
        return await self._set_active(actor, staff_id, "staff.deactivate", active=False)

    async def activate(self, actor: Actor, staff_id: StaffId) -> Staff:
        """Give the account back, with the password that it had."""
        return await self._set_active(actor, staff_id, "staff.activate", active=True)

    async def set_language(self, person: Staff, language: str) -> None:
        """Remember the language in which the person reads. Raises `Invalid("entry.choice")`."""
        if language not in LOCALES:
            raise Invalid("entry.choice", CHOICE, field="language")
        async with self._database.transaction() as tx:
            await tx.execute(update(staff).where(staff.c.id == person.id).values(language=language))

    async def _set_active(self, actor: Actor, staff_id: StaffId, act: str, *, active: bool) -> Staff:
        await self._administered(actor, staff_id, act)
        async with self._database.transaction() as tx:
            await tx.execute(update(staff).where(staff.c.id == staff_id).values(active=active))
            await self._audit.record(tx, AuditEntry(actor=actor.id, action=act, target=staff_id))
            if not active:
                await self._sessions.end_all(staff_id, "deactivated", actor=actor.id, tx=tx)
            return await self._directory.staff(staff_id, tx=tx)

    async def _administered(self, actor: Actor, staff_id: StaffId, act: str) -> Staff:
        person = await self._directory.staff(staff_id)
        target = Target(facility_id=person.facility_id, installation_wide=person.installation_wide)
        await self._guard.require(actor, Action.ADMINISTER_FACILITY, target, act=act, on=staff_id)
        return person

    async def _check_references(self, tx: Transaction, entry: StaffEntry) -> None:
        """What the entry points at has to exist, the department at the same facility."""
        here = await tx.execute(
            select(facilities.c.id).where(facilities.c.id == entry.facility_id, facilities.c.active)
        )
        if here.first() is None:
            raise Invalid("entry.choice", CHOICE, field="facility_id")
        if entry.department_id is not None:
            known = await tx.execute(
                select(departments.c.id).where(
                    departments.c.id == entry.department_id, departments.c.facility_id == entry.facility_id
                )
            )
            if known.first() is None:
                raise Invalid("entry.choice", CHOICE, field="department_id")
        if entry.specialties:
            found = await tx.execute(select(specialties.c.id).where(specialties.c.id.in_(entry.specialties)))
            if len(found.all()) != len(entry.specialties):
                raise Invalid("entry.choice", CHOICE, field="specialties")


SAME = N_("The new password has to differ from the present one.")
PRESENT = N_("The present password is not right.")
PRESENT_LAST = N_("The present password is not right. Attempts left: %(left)s.")
USER_NAME_TAKEN = N_("Somebody else has this user name.")
OWN_RIGHTS = N_("You cannot change your own rights or deactivate yourself. Ask another administrator.")
