"""Questions to media workers that run: do they answer, how busy are they, and the order to drain."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click

from foundation.clock import SystemClock
from foundation.settings import Settings
from foundation.tasks import Tasks
from hoichan.connections import opened_bus, read_secret
from hoichan.media_command import worker_addresses
from media.directory import BusDirectory
from media.facts import WorkerFacts
from media.link import ANSWER_S, WorkerLink
from media.wire import Message, WireError

CHECK_S = 3.0


async def check_workers(settings: Settings) -> int:
    """0 when every worker of these settings answers on its control socket within 3 s, else 1."""
    token, addresses = _token(settings), worker_addresses(settings)
    answers = await asyncio.gather(*(_asked_until(address, token) for address in addresses))
    return 0 if all(answers) else 1


async def show_status(settings: Settings) -> int:
    """Print a line for each worker: those of the directory when there is Redis, else those of these settings."""
    token = _token(settings)
    if settings.redis_url:
        async with opened_bus(settings, SystemClock()) as bus:
            addresses = sorted(record.control for record in await BusDirectory(bus).workers())
    else:
        addresses = worker_addresses(settings)
    found = await asyncio.gather(*(_asked(address, token, {"do": "ping"}) for address in addresses))
    _print(list(zip(addresses, found, strict=True)))
    return 0 if any(found) else 1


async def drain_workers(settings: Settings, control: str) -> int:
    """Tell the worker at `control`, or all of these settings, to take no new rooms and to end with the last one."""
    token = _token(settings)
    if control and not control.startswith(("unix:", "tcp:")):
        control = f"tcp:{control}"
    addresses = [control] if control else worker_addresses(settings)
    found = await asyncio.gather(*(_asked(address, token, {"do": "drain"}) for address in addresses))
    _print(list(zip(addresses, found, strict=True)))
    return 0 if all(found) else 1


def _token(settings: Settings) -> str:
    token = read_secret(settings.media_token_file)
    if not token:
        raise click.UsageError("HOICHAN_MEDIA_TOKEN_FILE is needed, the secret shared with the workers")
    return token


async def _asked_until(address: str, token: str) -> bool:
    """Ask again for a while: a worker that is just starting is no dead one."""
    deadline = asyncio.get_running_loop().time() + CHECK_S
    while asyncio.get_running_loop().time() < deadline:
        if await _asked(address, token, {"do": "ping"}) is not None:
            return True
        await asyncio.sleep(0.1)
    return False


async def _asked(address: str, token: str, command: Message) -> tuple[str, WorkerFacts] | None:
    """The name of the worker's run and its answer; None when nobody answers."""
    tasks = Tasks()
    try:
        async with asyncio.timeout(ANSWER_S):
            link = await WorkerLink.open(address, token)
            tasks.start("media link", link.run(lambda _event: None, lambda _room: None))
            facts = WorkerFacts.read(await link.ask(command))
            link.close()
            return link.placement, facts
    except (OSError, TimeoutError, WireError):
        return None
    finally:
        await tasks.close()


def _print(rows: Sequence[tuple[str, tuple[str, WorkerFacts] | None]]) -> None:
    line = "{:<28} {:<28} {:<9} {:>5} {:>10} {:>6} {:>12}"
    click.echo(line.format("worker", "control", "state", "load", "packets/s", "rooms", "connections"))
    for address, answer in rows:
        if answer is None:
            click.echo(line.format("-", address, "silent", "-", "-", "-", "-"))
            continue
        name, facts = answer
        state = "draining" if facts.draining else "admits" if facts.admits else "full"
        counted = (f"{facts.load:.2f}", facts.rate, facts.rooms, facts.connections)
        click.echo(line.format(name, address, state, *counted))
