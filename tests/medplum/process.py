"""Medplum's FHIR router as a process of this run: a FHIR R4 server that nobody here wrote.

`make test` installs it (tests/medplum/package.json, 104 MB); `make run` neither needs nor gets it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import aiohttp

FOLDER = Path(__file__).parent


class Medplum:
    """The server, until `stop`. It keeps everything in memory and gives ids of its own."""

    def __init__(self) -> None:
        if not (FOLDER / "node_modules").exists():
            raise RuntimeError(
                "the tests need Medplum's FHIR router; `make test` installs it (npm ci in tests/medplum)"
            )
        self._process = subprocess.Popen(
            ["node", str(FOLDER / "server.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        word, _, port = self._process.stdout.readline().partition(" ")
        if word != "listening":
            raise RuntimeError("Medplum's FHIR router did not start")
        self.base = f"http://127.0.0.1:{int(port)}/fhir/R4"

    async def create(self, resource: dict[str, Any]) -> dict[str, Any]:
        """Store a resource; gives it as the server has it, with its id."""
        url = f"{self.base}/{resource['resourceType']}"
        async with aiohttp.ClientSession() as http, http.post(url, json=resource) as answer:
            stored: dict[str, Any] = await answer.json(content_type=None)
            if answer.status != 201:
                raise AssertionError(f"Medplum took no {resource['resourceType']}: {answer.status} {stored}")
            return stored

    def stop(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
