"""What forwarding costs: one load through a worker of this project and through Janus, each pinned to one core.

60 publishers with 3 viewers each: 240 real peer connections (ICE, DTLS, AES-GCM) at real rate, each publisher 640×480
VP8 at 1.15 Mbit/s and Opus. The peers negotiate what Chromium would, so history, RTCP and statistics are on: viewers
send receiver reports, REMB or transport feedback, consent checks and now and then a NACK. The load takes another core.
Runs alternate, and the figures are medians of them. Both servers are measured under the same rules. Other work on the
machine spoils latencies first: servers and load go before it where they may (as root), and `other_cores` tells how much
there was.

    .venv/bin/python -m bench.media [--json] [--quick] [--no-transport-cc] [--no-janus]

Needs Debian's `janus`, `libsrtp2-dev` and a C compiler.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench import processes
from bench.forwarders import Forwarder, JanusForwarder, WorkerForwarder
from bench.load.build import CannotMeasure, engine
from bench.load.crowd import Crowd, Measured
from bench.load.payload import Payload, payload

FAN = 3
_TABLE = (30, 60, 120, 240, 480)
_LOAD_BUSY = 0.9
"""Above this share of its core the load peer itself may be what limits."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to run; times in seconds. The warm-up lasts until bandwidth estimates have settled."""

    connections: int
    rounds: int
    warm_s: float
    window_s: float
    table: tuple[int, ...]


FULL = Plan(240, 3, 8.0, 10.0, _TABLE)
QUICK = Plan(40, 1, 6.0, 5.0, ())


def fans(connections: int) -> list[int]:
    """Viewers of each room so that so many connections come together; the last room may have fewer."""
    rooms, rest = divmod(connections, FAN + 1)
    return [FAN] * rooms + [rest - 1] * (rest > 1)


class Bench:
    """One session of runs: the compiled engine and the cores."""

    def __init__(self, folder: Path, *, transport_feedback: bool) -> None:
        self._folder = folder
        self._transport_feedback = transport_feedback
        self._server_core, load_core = processes.two_cores()
        os.sched_setaffinity(0, {load_core})
        processes.take_precedence()
        self._library = engine(folder)
        self._payload: Payload = payload()

    async def run(self, make: Callable[[Path, int], Forwarder], connections: int, plan: Plan) -> Measured:
        """Start a server, load it, measure, and stop it."""
        server = make(self._folder, self._server_core)
        try:
            await server.start()
            crowd = Crowd(
                server, self._library, self._payload,
                fans=fans(connections), transport_feedback=self._transport_feedback,
            )  # fmt: skip
            async with crowd:
                await crowd.connect()
                return await crowd.measure(plan.warm_s, plan.window_s)
        finally:
            await server.stop()


def middle(runs: Sequence[Measured], figure: str) -> float:
    """The median of a figure over the runs."""
    return float(median(getattr(run, figure) for run in runs))


def figures(ours: Sequence[Measured], janus: Sequence[Measured]) -> dict[str, Any]:
    """The keys that the bench promises, and beside them what judges the run itself."""
    result: dict[str, Any] = {
        "cores": round(middle(ours, "cores"), 3),
        "p50_ms": round(middle(ours, "p50_ms"), 3),
        "p99_ms": round(middle(ours, "p99_ms"), 3),
        "rss_mb": round(middle(ours, "rss_mb"), 1),
        "bytes_per_connection": round(middle(ours, "bytes_per_connection")),
        "delivered": round(middle(ours, "delivered"), 6),
    }
    if janus:
        result |= {
            "janus_cores": round(middle(janus, "cores"), 3),
            "janus_p50_ms": round(middle(janus, "p50_ms"), 3),
            "janus_p99_ms": round(middle(janus, "p99_ms"), 3),
            "janus_rss_mb": round(middle(janus, "rss_mb"), 1),
            "janus_bytes_per_connection": round(middle(janus, "bytes_per_connection")),
            "janus_delivered": round(middle(janus, "delivered"), 6),
            "ratio_vs_janus": round(middle(janus, "cores") / middle(ours, "cores"), 3),
        }
    every = [*ours, *janus]
    answered = [run.totals["answered"] / max(1, run.totals["asked"]) for run in ours]
    return result | {
        "connections": ours[0].connections,
        "nacks_answered": round(min(answered), 4),
        "load_cores": round(max(run.load_cores for run in every), 3),
        "load_dropped": sum(run.load_dropped for run in every),
        "other_cores": round(max(run.other_cores for run in every), 3),
    }


def row(run: Measured) -> dict[str, Any]:
    """A row of the table of growing numbers of connections."""
    return {
        "connections": run.connections,
        "cores": round(run.cores, 3),
        "cores_per_100": round(100 * run.cores / run.connections, 3),
        "p50_ms": round(run.p50_ms, 3),
        "p99_ms": round(run.p99_ms, 3),
        "rss_mb": round(run.rss_mb, 1),
        "delivered": round(run.delivered, 6),
        "load_cores": round(run.load_cores, 3),
    }


def tell(name: str, run: Measured) -> None:
    """One line for people while it runs."""
    totals = run.totals
    print(
        f"{name:8} {run.connections:4} connections: {run.cores:.3f} cores ({run.user_cores:.2f} user,"
        f" {run.system_cores:.2f} system), p50 {run.p50_ms:.3f} p99 {run.p99_ms:.3f} ms, {run.packets_out:,.0f}"
        f" packets/s out, delivered {run.delivered:.6f}, {run.rss_mb:.0f} MB, {run.bytes_per_connection / 1000:.0f} kB"
        f" a connection, NACKs answered {totals['answered']}/{totals['asked']}; agreed up {run.agreed_up}, down"
        f" {run.agreed_down}; load {run.load_cores:.2f} cores, dropped {run.load_dropped} there and"
        f" {run.server_dropped} at the server; others {run.other_cores:.2f} cores; set up in {run.setup_s:.1f} s",
        file=sys.stderr,
        flush=True,
    )
    if run.load_cores > _LOAD_BUSY or run.load_dropped:
        print("         the load peer was at its limit in this run", file=sys.stderr)


async def measure(bench: Bench, plan: Plan, *, with_janus: bool) -> dict[str, Any]:
    """All runs: the two servers in turn, then the table."""
    ours: list[Measured] = []
    janus: list[Measured] = []
    for _ in range(plan.rounds):
        ours.append(await bench.run(WorkerForwarder, plan.connections, plan))
        tell("worker", ours[-1])
        if with_janus:
            janus.append(await bench.run(JanusForwarder, plan.connections, plan))
            tell("janus", janus[-1])
    result = figures(ours, janus)
    table = []
    for connections in plan.table:
        run = await bench.run(WorkerForwarder, connections, plan)
        tell("worker", run)
        table.append(row(run))
    if table:
        result["table"] = table
    return result


def show(result: dict[str, Any]) -> None:
    """The table for people."""
    aims = {
        "ratio_vs_janus": "≥ 1.5", "p99_ms": "≤ 2, below Janus's", "delivered": "≥ 0.9999",
        "bytes_per_connection": "≤ 150,000",
    }  # fmt: skip
    for name, value in result.items():
        if name != "table":
            print(f"{name:28} {value:>12}   {aims.get(name, '')}")
    for line in result.get("table", []):
        print("  ".join(f"{name} {value}" for name, value in line.items()))


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="What forwarding costs, beside Janus.")
    parser.add_argument("--json", action="store_true", help="print one JSON object on the last line")
    parser.add_argument("--quick", action="store_true", help="a short run, for a look rather than for a figure")
    parser.add_argument("--no-transport-cc", action="store_true", help="peers decline transport-wide feedback")
    parser.add_argument("--no-janus", action="store_true", help="measure the worker alone")
    return parser.parse_args()


def main() -> None:
    given = options()
    plan = QUICK if given.quick else FULL
    with tempfile.TemporaryDirectory(prefix="hoichan-bench-") as folder:
        try:
            bench = Bench(Path(folder), transport_feedback=not given.no_transport_cc)
            result = asyncio.run(measure(bench, plan, with_janus=not given.no_janus))
        except CannotMeasure as error:
            sys.exit(str(error))
    if given.json:
        print(json.dumps(result))
    else:
        show(result)


if __name__ == "__main__":
    main()
