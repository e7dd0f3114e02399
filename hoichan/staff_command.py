"""`hoichan staff`: accounts from the server's own command line, above all the first administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hoichan.acting import acting
from identity.entries import FacilityEntry, StaffEntry, day
from identity.guard import Operator
from identity.model import Facility, FacilityKind, ManagingLevel, Role, Staff, TechnicalLevel

if TYPE_CHECKING:
    from hoichan.wiring import Parts

OPERATOR = Operator()


@click.group()
def staff() -> None:
    """Make accounts, give new passwords, list people.

    These commands act with full rights on the database of the settings, and the audit names their author `operator`.
    A random first password is printed once, on standard output; it has to be changed at the first sign-in.
    """


@staff.command("create-admin")
@click.option("--user-name", required=True, help="Name to sign in with: letters without accents, digits, dots, dashes.")
@click.option("--full-name", required=True, help="The name that others see, title included.")
@click.option("--facility-code", help="Facility (mã CSKCB, five digits) where the person works.")
@click.option("--facility-name", help="Name of that facility, when it has to be made.")
@click.option("--commune-code", default="00000", help="Commune of a facility that has to be made, five digits.")
def create_admin(
    user_name: str, full_name: str, facility_code: str | None, facility_name: str | None, commune_code: str
) -> None:
    """Make an administrator of the whole installation, and the first facility if there is none.

    This is how an empty installation gets its first person. What the options leave open is asked for.
    """

    async def work(parts: Parts) -> None:
        facility = await _facility_for(parts, facility_code, facility_name, commune_code)
        entry = StaffEntry(
            user_name=user_name,
            full_name=full_name,
            facility_id=facility.id,
            roles=frozenset({Role.ADMINISTRATOR}),
            installation_wide=True,
        )
        _print_password(*await parts.accounts.create_staff(OPERATOR, entry))

    acting(work)


@staff.command()
@click.option("--user-name", required=True, help="Name to sign in with.")
@click.option("--full-name", required=True, help="The name that others see, title included.")
@click.option("--facility-code", required=True, help="Facility (mã CSKCB) where the person works.")
@click.option(
    "--role", "roles", multiple=True, required=True, type=click.Choice([r.value for r in Role]), help="May be repeated."
)
@click.option("--specialty", "specialties", multiple=True, help="Code of a specialty; may be repeated.")
@click.option("--licence-number", help="Number of the licence to practise.")
@click.option("--licence-scope", help="Its scope of practice.")
@click.option("--licence-expires", default="", help="Its last day, such as 2027-05-31.")
@click.option("--installation-wide", is_flag=True, help="An administrator or officer of every facility.")
def create(
    user_name: str,
    full_name: str,
    facility_code: str,
    roles: tuple[str, ...],
    specialties: tuple[str, ...],
    licence_number: str | None,
    licence_scope: str | None,
    licence_expires: str,
    installation_wide: bool,
) -> None:
    """Make an account."""

    async def work(parts: Parts) -> None:
        facility = await parts.directory.facility_by_code(facility_code)
        if facility is None:
            raise click.ClickException(f"there is no facility {facility_code}")
        known = {specialty.code: specialty.id for specialty in await parts.directory.specialties()}
        if unknown := set(specialties) - set(known):
            raise click.ClickException(f"there is no specialty {', '.join(sorted(unknown))}")
        entry = StaffEntry(
            user_name=user_name,
            full_name=full_name,
            facility_id=facility.id,
            roles=frozenset(map(Role, roles)),
            specialties=frozenset(known[code] for code in specialties),
            licence_number=licence_number,
            licence_scope=licence_scope,
            licence_expires=day(licence_expires, "licence_expires"),
            installation_wide=installation_wide,
        )
        _print_password(*await parts.accounts.create_staff(OPERATOR, entry))

    acting(work)


@staff.command("reset-password")
@click.argument("user_name")
def reset_password(user_name: str) -> None:
    """Give USER_NAME a new random password. The person's sessions end."""

    async def work(parts: Parts) -> None:
        person = await _person(parts, user_name)
        _print_password(person, await parts.accounts.reset_password(OPERATOR, person.id))

    acting(work)


@staff.command()
@click.argument("user_name")
def deactivate(user_name: str) -> None:
    """Take the account of USER_NAME out of use. The person's sessions end; what they did stays on record."""

    async def work(parts: Parts) -> None:
        person = await _person(parts, user_name)
        await parts.accounts.deactivate(OPERATOR, person.id)
        click.echo(f"{person.user_name} is deactivated")

    acting(work)


@staff.command("list")
@click.option("--facility-code", help="Only the people of this facility.")
@click.option("--all", "inactive", is_flag=True, help="Deactivated people too.")
def list_staff(facility_code: str | None, inactive: bool) -> None:
    """List people: facility, user name, name, roles, divided by tabs."""

    async def work(parts: Parts) -> None:
        for facility in await parts.directory.facilities(inactive=inactive):
            if facility_code not in (None, facility.code):
                continue
            for person in await parts.directory.staff_at(facility.id, inactive=inactive):
                roles = ",".join(sorted(person.roles)) + ("" if person.active else " (deactivated)")
                click.echo(f"{facility.code}\t{person.user_name}\t{person.full_name}\t{roles}")

    acting(work)


async def _facility_for(parts: Parts, code: str | None, name: str | None, commune_code: str) -> Facility:
    """The facility of that code, or the only one, or a new one whose details can be completed on its page."""
    there = await parts.directory.facilities()
    if code is None and len(there) == 1:
        return there[0]
    if code is None:
        code = str(click.prompt("Facility code (mã CSKCB, five digits)", err=True))
    found = await parts.directory.facility_by_code(code)
    if found is not None:
        return found
    entry = FacilityEntry(
        code=code,
        name=name or str(click.prompt("Facility name", err=True)),
        kind=FacilityKind.PROVINCIAL_HOSPITAL,
        technical_level=TechnicalLevel.BASIC,
        managing_level=ManagingLevel.PROVINCIAL,
        province_code=code[:2],
        commune_code=commune_code,
    )
    facility = await parts.administration.create_facility(OPERATOR, entry)
    click.echo(f"Facility {facility.code} is new; complete its details under Administration.", err=True)
    return facility


async def _person(parts: Parts, user_name: str) -> Staff:
    person = await parts.directory.staff_by_user_name(user_name)
    if person is None:
        raise click.ClickException(f"nobody has the user name {user_name}")
    return person


def _print_password(person: Staff, password: str) -> None:
    click.echo(f"{person.full_name} signs in as {person.user_name} with this password, shown only now:", err=True)
    click.echo(password)
