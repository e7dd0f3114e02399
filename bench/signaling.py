"""A hall of terminals, all connected at once: what each costs, how fast they come, how soon a ring arrives.

PostgreSQL, Redis, one web node and then two, and the load, all on this machine. The load are processes of raw websocket
clients, each a signed-in person at a terminal, that offer what browsers offer and answer every ping. With all of them
connected, clinics ask at 12 requests a second (350,000 consults in eight hours); the one specialist on call takes the
case 50 ms after it rings, enters the room and ends the consult. `ring` is from the sending of the request to the ring's
arrival at the specialist, `claim` from the sending of the acceptance to its answer, both after five seconds of requests
that do not count. `kb_per_terminal` is resident memory of the web nodes, all together, less what they held with 20
terminals, in units of 1,024 bytes.

    .venv/bin/python -m bench.signaling [--json] [--quick] [--terminals N] [--nodes N]

Needs Debian's `postgresql` and `redis-server`, and as many open files as terminals.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import hall, processes
from bench.load.build import CannotMeasure

_SIZES, _QUICK_SIZES = (1_000, 3_000, 10_000), (300, 600, 1_000)
_PER_S = 12.0
_RING_S, _QUICK_RING_S = 30.0, 6.0
_WARM_S = 5.0
"""Requests before those that are timed: a node that has just started makes and plans each statement once."""
_IDLE_S = 4.0
_PROCESSES = 2
_FIRST = 20
"""Terminals that are connected before memory is first read, so that a node's own start does not count."""
_LANGUAGE = "hoichan_language=vi"

AIMS = {
    "terminals": "≥ 10000",
    "kb_per_terminal": "≤ 40",
    "ring_p99_ms": "≤ 150",
    "claim_p99_ms": "≤ 100",
}


class Load:
    """The processes of terminals. The first terminals of each are specialists."""

    def __init__(self, folder: Path, ports: list[int], seeded: hall.Seeded, count: int, *, compression: bool) -> None:
        self._specialists, self._clinics = seeded.specialists, seeded.clinics[: count - len(seeded.specialists)]
        self._specialty_ids = seeded.specialty_ids
        self._plans: list[Path] = []
        self.shares: list[int] = []
        self._ahead: list[int] = []
        for number in range(_PROCESSES):
            ahead, behind = self._specialists[number::_PROCESSES], self._clinics[number::_PROCESSES]
            cookies = [f"hoichan_session={secret}; {_LANGUAGE}" for secret in (*ahead, *behind)]
            path = folder / f"load-{number}.json"
            path.write_text(json.dumps({"cookies": cookies, "ports": ports, "compression": compression}))
            self._plans.append(path)
            self.shares.append(len(cookies))
            self._ahead.append(len(ahead))
        self._running: list[asyncio.subprocess.Process] = []

    async def start(self) -> None:
        """Start the processes."""
        for path in self._plans:
            self._running.append(
                await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "bench.load.terminals", str(path),
                    stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 26,
                )
            )  # fmt: skip

    async def stop(self) -> None:
        """End them: their input ends."""
        for process in self._running:
            if process.stdin is not None:
                process.stdin.close()
            await process.wait()

    async def order(self, orders: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Give each process its order and wait for all the answers."""
        return await asyncio.gather(*map(self._one, self._running, orders))

    async def _one(self, process: asyncio.subprocess.Process, order: dict[str, Any]) -> dict[str, Any]:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a load process has no pipes")
        process.stdin.write(json.dumps(order).encode() + b"\n")
        line = await process.stdout.readline()
        if not line:
            raise CannotMeasure("a process of terminals ended early")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def connect(self, total: int | None = None) -> None:
        """Connect all, or the first few."""
        shares = self.shares if total is None else [total // _PROCESSES] * _PROCESSES
        await self.order([{"do": "connect", "until": share} for share in shares])

    async def request(self, seconds: float) -> None:
        """Ask at the rate, for that long."""
        chance, begin = random.Random(2611), time.monotonic() + 0.5
        schedules: list[list[tuple[float, int, str, str]]] = [[] for _ in self._running]
        for number in range(int(seconds * _PER_S)):
            of = number % _PROCESSES
            place = chance.randrange(self._ahead[of], self.shares[of])
            field = chance.choice(self._specialty_ids)
            schedules[of].append((begin + number / _PER_S, place, field, f"bench{int(begin * 1000)}n{number}"))
        await self.order([{"do": "request", "schedule": schedule} for schedule in schedules])

    async def report(self) -> list[dict[str, Any]]:
        """What every process saw."""
        return await self.order([{"do": "report"}] * len(self._running))


def rank(values: Sequence[float], share: float) -> float:
    """The nearest rank, to a tenth. Raises CannotMeasure without a value."""
    if not values:
        raise CannotMeasure("nothing was measured")
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * int(share * 1000) // 1000) - 1))], 1)


async def one_hall(
    folder: Path, running: list[hall.Node], seeded: hall.Seeded, count: int, ring_s: float | None
) -> dict[str, float]:
    """Fill the hall and measure; without `ring_s` memory and connecting alone."""
    load = Load(folder, [node.port for node in running], seeded, count, compression=ring_s is not None)
    await load.start()
    try:
        await load.connect(_FIRST)
        await asyncio.sleep(1)
        held = sum(processes.resident_bytes(node.pid) for node in running)
        began = time.monotonic()
        await load.connect()
        seconds = time.monotonic() - began
        await asyncio.sleep(2)
        busy = sum(processes.times(node.pid).run for node in running)
        await asyncio.sleep(_IDLE_S)
        busy = sum(processes.times(node.pid).run for node in running) - busy
        used = sum(processes.resident_bytes(node.pid) for node in running) - held
        figures = {
            "terminals": float(count),
            "kb_per_terminal": round(used / 1024 / (count - _FIRST), 1),
            "connect_per_s": round((count - _FIRST) / seconds, 1),
            "idle_cores": round(busy / _IDLE_S, 2),
        }
        if ring_s is not None:
            await load.request(_WARM_S)
            await asyncio.sleep(2)
            await load.order([{"do": "forget"}] * _PROCESSES)
            busy, clock = sum(processes.times(node.pid).run for node in running), time.monotonic()
            await load.request(ring_s)
            await asyncio.sleep(2)
            busy = sum(processes.times(node.pid).run for node in running) - busy
            figures["busy_cores"] = round(busy / (time.monotonic() - clock), 2)
        figures |= _seen(await load.report(), rings=None if ring_s is None else int(ring_s * _PER_S))
        figures["terminals"] -= figures["lost"]
    finally:
        await load.stop()
    return figures


def _seen(reports: list[dict[str, Any]], rings: int | None) -> dict[str, float]:
    lines = {name: sum(report[name] for report in reports) for name in ("lost", "retries")}
    if lines["retries"]:
        print(f"came again: {[report['why'] for report in reports]}", file=sys.stderr)
    if rings is None:
        return lines
    refusals: dict[str, int] = {}
    for report in reports:
        for code, times in report["refusals"].items():
            refusals[code] = refusals.get(code, 0) + times
    if refusals:
        print(f"refused: {refusals}", file=sys.stderr)
    requested = {key: at for report in reports for key, at in report["requested"].items()}
    first: dict[str, float] = {}
    for report in reports:
        for key, at in report["rung"]:
            first[key] = min(at, first.get(key, at))
    waits = [(at - requested[key]) * 1000 for key, at in first.items() if key in requested]
    answers = [ms for report in reports for ms in report["answered_ms"]]
    claims = [ms for report in reports for ms in report["claims_ms"]]
    return {
        "request_p50_ms": rank(answers, 0.5),
        "request_p99_ms": rank(answers, 0.99),
        "ring_p50_ms": rank(waits, 0.5),
        "ring_p99_ms": rank(waits, 0.99),
        "claim_p50_ms": rank(claims, 0.5),
        "claim_p99_ms": rank(claims, 0.99),
        "rings": len(waits),
        "unrung": rings - len(waits),
        "refused": sum(refusals.values()),
        **lines,
    }


async def measure(sizes: Sequence[int], node_counts: Sequence[int], ring_s: float, *, bare: bool) -> dict[str, Any]:
    """The table for one node, the largest hall on each further count of nodes, and the bare server."""
    rows: list[dict[str, float]] = []
    further: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="hoichan-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # noqa: ASYNC240 - PostgreSQL runs as a user of its own; nothing else runs yet
        with hall.postgres_server(folder / "postgres") as postgres, hall.redis_server(folder) as redis_url:
            postgres.sql("CREATE DATABASE bench")
            seeded = await hall.seed(postgres.url("bench"), max(sizes))
            await hall.analyze(postgres.url("bench"))
            for count in node_counts:
                for size in sizes if count == node_counts[0] else sizes[-1:]:
                    async with hall.nodes(folder, postgres.url("bench"), redis_url, count) as running:
                        found = await one_hall(folder, running, seeded, size, ring_s)
                    print(f"{count} node(s): {found}", file=sys.stderr)
                    if count == node_counts[0]:
                        rows.append(found)
                    else:
                        further[f"nodes_{count}"] = found
        result: dict[str, Any] = {**rows[-1], "table": rows, **further}
        if bare:
            async with hall.bare_node() as node:
                found = await one_hall(folder, [node], seeded, sizes[-1], None)
            print(f"bare: {found}", file=sys.stderr)
            result |= {
                "bare_kb_per_terminal": found["kb_per_terminal"],
                "bare_connect_per_s": found["connect_per_s"],
                "bare_idle_cores": found["idle_cores"],
            }
    return result


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A hall of terminals on one web node and on two.")
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    parser.add_argument("--quick", action="store_true", help="a short run, for a look rather than for a figure")
    parser.add_argument("--terminals", type=int, help="this many alone instead of the table")
    parser.add_argument("--nodes", type=int, help="this many web nodes alone, and no bare server beside them")
    return parser.parse_args()


def main() -> None:
    asked = _options()
    sizes = (asked.terminals,) if asked.terminals else _QUICK_SIZES if asked.quick else _SIZES
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < max(sizes) + 1_000:
        sys.exit(f"{max(sizes)} terminals need as many open files and some more; {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    counts = (asked.nodes,) if asked.nodes else (1, 2)
    ring_s = _QUICK_RING_S if asked.quick else _RING_S
    try:
        result = asyncio.run(measure(sizes, counts, ring_s, bare=not asked.nodes))
    except CannotMeasure as error:
        sys.exit(str(error))
    if asked.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        if not isinstance(value, (dict, list)):
            print(f"{name:24} {value:>10}   {AIMS.get(name, '')}")


if __name__ == "__main__":
    main()
