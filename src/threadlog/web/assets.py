"""The scripts and stylesheets of the pages, as they lie in the package: a fixed few."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from threadlog.html.styles import stylesheet

_PAGES = ("list", "thread", "error")
_PIECES = ("theme", "shared", "outline", "keys", "live", "ends", "place", "raw", "dialogs", "deeds")
_SCRIPTS = tuple(f"{name}.js" for name in (*_PAGES, *_PIECES))
_YEAR = "private, max-age=31536000, immutable"


class Assets(NamedTuple):
    """All of them, by name, and the version that is in their addresses."""

    files: dict[str, tuple[bytes, str]]
    version: str

    @classmethod
    def read(cls) -> Assets:
        """Those of this package."""
        folder = files("threadlog.web").joinpath("static")
        script = "text/javascript; charset=utf-8"
        held = {name: (folder.joinpath(name).read_bytes(), script) for name in _SCRIPTS}
        css = "text/css; charset=utf-8"
        held["web.css"] = (folder.joinpath("web.css").read_bytes(), css)
        held["thread.css"] = (stylesheet().encode(), css)
        digest = hashlib.sha256(b"".join(data for data, _kind in held.values()))
        return cls(held, digest.hexdigest()[:12])

    def url(self, name: str) -> str:
        """Where one of them lies."""
        return f"/static/{self.version}/{name}"

    async def answer(self, request: Request) -> Response:
        """One of them; the version is for the browser's cache alone."""
        found = self.files.get(request.path_params["name"])
        if found is None:
            return PlainTextResponse("no such file\n", 404)
        data, kind = found
        is_ours = request.path_params["version"] == self.version
        kept = _YEAR if is_ours else "no-store"
        return Response(data, media_type=kind, headers={"cache-control": kept})
