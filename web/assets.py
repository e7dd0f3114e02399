"""Static files: what the client build made, by the names that templates use, and the route that serves them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from foundation.errors import NotFound
from foundation.i18n import N_
from web.admission import Admission, admits

STATIC = Path(__file__).with_name("static")
_FOR_EVER = "public, max-age=31536000, immutable"
_A_DAY = "public, max-age=86400"


class Assets:
    """The build's manifest: `style.css` is served as `/static/built/style-XG2RICPA.css`, and may be cached for ever."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files

    @classmethod
    def built(cls) -> Assets:
        """Read the manifest. Raises RuntimeError when the client has not been built."""
        manifest = STATIC / "built" / "manifest.json"
        if not manifest.is_file():
            raise RuntimeError("the browser client is not built: run `npm ci` and `npm run build`, or `make setup`")
        return cls(json.loads(manifest.read_text("utf-8")))

    @property
    def version(self) -> str:
        """Names this build of the client: pages bear it, and the fleet's page shows which terminals run another."""
        return hashlib.sha256(json.dumps(dict(self._files), sort_keys=True).encode()).hexdigest()[:8]

    def url(self, name: str) -> str:
        """The address of a built file, such as `room.js`. Raises LookupError for a name that the build did not make."""
        try:
            return f"/static/built/{self._files[name]}"
        except KeyError:
            raise LookupError(f"the client build has no {name}; it has {sorted(self._files)}") from None


@admits(Admission.PUBLIC)
async def static_file(request: web.Request) -> web.StreamResponse:
    """GET /static/…: a file, compressed when a compressed twin lies beside it and the browser takes it."""
    path = (STATIC / request.match_info["name"]).resolve()
    if not path.is_relative_to(STATIC) or not path.is_file():
        raise NotFound("page.not_found", N_("There is no such page."))
    hashed = path.parent.name == "built" and path.name != "manifest.json"
    return web.FileResponse(path, headers={"Cache-Control": _FOR_EVER if hashed else _A_DAY})
