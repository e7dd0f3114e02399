"""What the kernel tells of a process and of the machine: processor time, memory, datagrams without room (Linux)."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.load.build import CannotMeasure

_TICKS = os.sysconf("SC_CLK_TCK")


def two_cores() -> tuple[int, int]:
    """A core for the server and another one for the load. Raises CannotMeasure."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise CannotMeasure("the bench needs two cores: one for the server, one for its load")
    return cores[-1], cores[0]


_PRECEDENCE = -15


def take_precedence() -> None:
    """Let this process and those that it starts go before other work on the machine, where that is allowed (root): an
    editor that saves a file on the server's core holds packets up for some milliseconds.

    Linux weighs sessions against each other first (sched(7), autogroups), and processes only within them.
    """
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, _PRECEDENCE)
        with suppress(OSError):  # a kernel that has no such groups
            Path("/proc/self/autogroup").write_text(str(_PRECEDENCE))


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of processor time since a process began: `run` as the scheduler counts it, all threads together."""

    run: float
    user: float
    system: float

    def __sub__(self, earlier: Times) -> Times:
        return Times(self.run - earlier.run, self.user - earlier.user, self.system - earlier.system)


def times(pid: int) -> Times:
    """Of a process now. `user` and `system` are counted in ticks of 10 ms."""
    run = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        run += int((task / "schedstat").read_text().split()[0])
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return Times(run / 1e9, int(fields[11]) / _TICKS, int(fields[12]) / _TICKS)


def resident_bytes(pid: int) -> int:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def machine_busy_s() -> float:
    """Seconds that all cores together were busy since the machine began."""
    fields = [int(part) for part in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / _TICKS


def dropped(ports: Collection[int]) -> int:
    """Datagrams that the sockets on these local ports (IPv4) had no room for."""
    lost = 0
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].rpartition(":")[2], 16) in ports:
            lost += int(fields[-1])
    return lost
