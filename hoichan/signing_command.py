"""`hoichan signing`: the installation's own key, which signs the trust list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from consult_rooms.signing_keys import Revocation
from hoichan.acting import acting

if TYPE_CHECKING:
    from hoichan.wiring import Parts


@click.group()
def signing() -> None:
    """Show or renew the key that signs the trust list. People's keys are renewed by themselves, or on their page."""


@signing.command("key")
def show() -> None:
    """Print the id of the key that signs the trust list, for publishing."""

    async def work(parts: Parts) -> None:
        click.echo((await parts.minutes.keys.installation()).id)

    acting(work)


@signing.command()
@click.option(
    "--compromised", is_flag=True, help="Somebody else may have the old key: it vouches for nothing any more."
)
def renew(compromised: bool) -> None:
    """Make a new key for the trust list and print its id.

    Verifiers follow by themselves, since the old key signs which one follows it. With --compromised they do not: each
    pins the new key by hand, so publish its id first.
    """

    async def work(parts: Parts) -> None:
        reason = Revocation.COMPROMISED if compromised else Revocation.RETIRED
        click.echo((await parts.minutes.keys.renew_installation(reason)).id)

    acting(work)
