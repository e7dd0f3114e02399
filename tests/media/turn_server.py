"""A real coturn, started as `deploy/turn/start.sh` starts it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from media.certificates import self_signed

START = Path(__file__).parents[2] / "deploy" / "turn" / "start.sh"
SECRET = "a secret of tests"
REALM = "hoichan.test"


def certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """A self-signed certificate for `turn.hoichan.test` and that address, and its key, as files."""
    name = f"turn.{REALM}"
    others = [x509.DNSName(name), x509.IPAddress(ip_address(host))]
    made, key = self_signed(name, datetime.now(UTC), timedelta(days=1), others)
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


class TurnServer:
    """One server at an address; `command` stands before its own, to start it elsewhere (in a network namespace).

    Nothing but the workers is allowed as a peer, whatever `options` say beside it.
    """

    def __init__(
        self,
        folder: Path,
        host: str,
        port: int,
        tls_port: int,
        workers: Sequence[str],
        *options: str,
        command: Sequence[str] = (),
    ) -> None:
        if shutil.which("turnserver") is None:
            raise RuntimeError("the tests need coturn; `make test-services` installs it")
        self.host, self.port, self.tls_port = host, port, tls_port
        self.certificate, key = certificate(folder, host)
        secret = folder / "secret"
        secret.write_text(SECRET)
        environment = {
            **os.environ,
            "TMPDIR": str(folder),
            "TURN_SECRET_FILE": str(secret),
            "TURN_WORKERS": ",".join(workers),
            "TURN_REALM": REALM,
            "TURN_LISTEN": host,
            "TURN_PORT": str(port),
            "TURN_TLS_PORT": str(tls_port),
            "TURN_CERTIFICATE": str(self.certificate),
            "TURN_KEY": str(key),
        }
        self._log = folder / "turnserver.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "sh", str(START), *options], env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        self._await([*command, "turnutils_stunclient", "-p", str(port), host])

    def log(self) -> str:
        """What the server has written."""
        return self._log.read_text(errors="replace")

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _await(self, probe: Sequence[str]) -> None:
        """Until it answers; the probe is docker-compose.yml's health check."""
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if subprocess.run(probe, capture_output=True, timeout=1, check=False).returncode == 0:
                    return
            except subprocess.TimeoutExpired:
                continue
            time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"coturn did not start:\n{self.log()[-3000:]}")
