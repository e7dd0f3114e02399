"""A worker as a process of its own, for tests: settings come as JSON in the only argument."""

import asyncio
import json
import sys
from pathlib import Path

from media.settings import WorkerSettings
from media.worker import run_worker

if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    if "control_path" in given:
        given["control_path"] = Path(given["control_path"])
    asyncio.run(run_worker(WorkerSettings(**given)))
