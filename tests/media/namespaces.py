"""Networks of their own for tests: Linux network namespaces joined by virtual cables. Nothing leaves the machine."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from pathlib import Path

_NUMBERS = itertools.count()


class Namespace:
    """One network, made empty but for its loopback. `command` before a program's own starts it inside."""

    def __init__(self) -> None:
        self.name = f"hoichan-{os.getpid()}-{next(_NUMBERS)}"
        self.command = ("ip", "netns", "exec", self.name)
        if shutil.which("ip") is None:
            raise RuntimeError("these tests need iproute2; `make test-services` installs it")
        made = subprocess.run(["ip", "netns", "add", self.name], capture_output=True, text=True, check=False)
        if made.returncode:
            raise RuntimeError(
                "these tests make network namespaces, which takes root and CAP_SYS_ADMIN (in a container:"
                f" --cap-add SYS_ADMIN --cap-add NET_ADMIN). `ip netns add` says: {made.stderr.strip()}"
            )
        try:
            self.ip("link set lo up")
        except RuntimeError:
            self.delete()
            raise

    def __enter__(self) -> Namespace:
        return self

    def __exit__(self, *_: object) -> None:
        self.delete()

    def ip(self, arguments: str) -> None:
        """An `ip` command inside. Raises RuntimeError with what it says."""
        done = subprocess.run(["ip", "-n", self.name, *arguments.split()], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"ip {arguments}: {done.stderr.strip()}")

    def program(self, folder: Path, program: str) -> Path:
        """A script that starts a program inside, for those who take a path and no command."""
        script = folder / f"{Path(program).name}-in-{self.name}"
        script.write_text(f'#!/bin/sh\nexec {" ".join(self.command)} {program} "$@"\n')
        script.chmod(0o755)
        return script

    def close_udp(self) -> None:
        """From now on all UDP that would leave is lost without a word, as firewalls lose it. What stays inside, on
        loopback, is none of this."""
        # A cable to nobody: without ARP, packets carry the sender's own hardware address and the other end drops them.
        self.ip("link add sink type veth peer name drain")
        for end in ("sink", "drain"):
            self.ip(f"link set {end} arp off addrgenmode none up")
        self.ip("route add default dev sink table 77")
        self.ip("rule add priority 77 ipproto udp lookup 77")

    def delete(self) -> None:
        """Take it away, with its ends of cables."""
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True, check=False)


def cable(one: Namespace, other: Namespace, network: str) -> str:
    """Join two namespaces: `one` is `network`.1, `other` `network`.2, of 254. Gives the name of both ends."""
    device = f"hoichan{next(_NUMBERS)}"
    one.ip(f"link add {device} type veth peer name {device} netns {other.name}")
    for end, number in ((one, 1), (other, 2)):
        end.ip(f"address add {network}.{number}/24 dev {device}")
        end.ip(f"link set {device} up")
    return device
