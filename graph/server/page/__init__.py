"""The page that a browser gets at the GraphQL endpoint: GraphiQL, from files of our own.

``build.py`` makes the files in ``dist`` when the package is installed. Without them the page
says how to get them. Neither page loads anything from another host.
"""

import json
import os
from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_HERE = Path(__file__).parent
_DIST = _HERE / "dist"

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; "
    "script-src 'self'; "
    "style-src 'self' 'unsafe-inline'; "  # the editor sets styles on its elements
    "worker-src 'self'; "
    "img-src 'self' data:; "
    "font-src 'self' data:; "
    "connect-src 'self'; "
    "base-uri 'none'; "
    "form-action 'none'; "
    "frame-ancestors 'none'"
)
"""What the page may load and do: the value of its ``Content-Security-Policy`` header."""

# Said by us, since the system's table (which Python asks) may say otherwise, and a browser runs
# a module only under a JavaScript type.
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
}


class _Manifest(msgspec.Struct):
    script: str
    style: str


def _manifest() -> _Manifest | None:
    try:
        return msgspec.json.decode((_DIST / "manifest.json").read_bytes(), type=_Manifest)
    except (OSError, msgspec.DecodeError):
        return None


def is_built() -> bool:
    """Whether GraphiQL's files are there."""
    return _manifest() is not None


def _fill(template: str, values: Mapping[str, str]) -> str:
    return Template((_HERE / template).read_text(encoding="utf-8")).substitute(values)


def _script_json(value: object) -> str:
    """JSON that is safe inside a script element: ASCII only, and without ``<``, ``>`` and ``&``."""
    text = json.dumps(value, ensure_ascii=True)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def page_html(default_query: str, endpoint: str = "/graphql") -> str:
    """The HTML for a browser: GraphiQL with the default query, or how to get GraphiQL.

    The files that it loads are at ``<endpoint>/page/``.
    """
    manifest = _manifest()
    if manifest is None:
        return _fill("unbuilt.html", {"query": escape(default_query)})
    return _fill(
        "index.html",
        {
            "assets": escape(f"{endpoint.rstrip('/')}/page"),
            "endpoint": escape(endpoint),
            "script": escape(manifest.script),
            "style": escape(manifest.style),
            "settings": _script_json({"endpoint": endpoint, "defaultQuery": default_query}),
        },
    )


class _Assets(StaticFiles):
    """The files in ``dist``, which may be built, or built anew, while the server runs."""

    async def check_config(self) -> None:
        """Nothing to check: without ``dist`` every file is merely not found."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        # A miss, or the manifest, is not what stays the same under its name.
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            error.headers = {**(error.headers or {}), "Cache-Control": "no-store"}
            raise
        hashed = path != "manifest.json"
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if hashed else "no-cache"
        )
        return response

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        media_type = _MEDIA_TYPES.get(Path(full_path).suffix)
        if media_type is not None and "content-type" in response.headers:
            response.headers["Content-Type"] = media_type
        return response


def assets() -> StaticFiles:
    """The ASGI application to mount at ``<endpoint>/page``; it answers 404 while not built."""
    return _Assets(directory=_DIST, check_dir=False)
