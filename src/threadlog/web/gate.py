"""Who may ask, and what: one gate before everything else, and the headers of every answer.

Only a browser of this machine that was given the link may ask: by the name of this address, not
another that leads here, with the cookie that the link's token was exchanged for, and never on
behalf of another page.
"""

from __future__ import annotations

import hmac
import secrets
from typing import NamedTuple
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOST = "127.0.0.1"
TOKEN_BYTES = 32
# Of a request: its address with the query, all of its headers, the body of a change.
ADDRESS_BYTES, HEADERS_BYTES, BODY_BYTES = 8_192, 16_384, 65_536
KEY_HEADER = "x-threadlog-key"
_READING, _WRITING = ("GET", "HEAD"), "POST"
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", _CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_NO_ENTRY = "open the link that `threadlog serve` printed: it lets this browser in\n"


class Keys(NamedTuple):
    """What lets a browser in, and where it asks; none of them can be made of another.

    `once` is a token that is good for one time: a browser that is started is told it on its command
    line, which others on this machine can read.  `session` is the cookie's value, `write_key` what
    a page of ours says with a change.
    """

    token: str
    once: str
    session: str
    write_key: str
    port: int

    @classmethod
    def made(cls, port: int) -> Keys:
        """New ones, which nobody can guess."""
        made = [secrets.token_urlsafe(TOKEN_BYTES) for _ in range(4)]
        return cls(made[0], made[1], made[2], made[3], port)

    @property
    def cookie(self) -> str:
        """The cookie's name: cookies do not tell ports apart."""
        return f"threadlog_{self.port}"

    @property
    def link(self) -> str:
        """Where a browser is let in."""
        return f"http://{HOST}:{self.port}/?token={self.token}"

    @property
    def link_once(self) -> str:
        """Where one browser is let in, once."""
        return f"http://{HOST}:{self.port}/?token={self.once}"

    def hosts(self) -> frozenset[str]:
        """The names that we are asked by."""
        names = (HOST, "localhost")
        bare = names if self.port == 80 else ()  # browsers leave this one out
        return frozenset([*(f"{name}:{self.port}" for name in names), *bare])


class Gate:
    """The application behind its gate."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app = app
        self._keys = keys
        self._is_used = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; what is no plain HTTP is not answered."""
        if scope["type"] != "http":
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _with_ours(message["headers"])
            await send(message)

        answer = self._refusal(scope) or self._letting_in(scope)
        await (answer or self._app)(scope, receive, sending)

    def _refusal(self, scope: Scope) -> Response | None:
        """Why a request is not for us, whoever asks."""
        headers = Headers(scope=scope)
        path: bytes = scope.get("raw_path", b"")
        if headers.getlist("host") not in ([host] for host in self._keys.hosts()):
            return _refused(421, "this server answers to 127.0.0.1 and its port\n")
        if len(path) + len(scope["query_string"]) > ADDRESS_BYTES:
            return _refused(414, "the address is too long\n")
        if sum(len(name) + len(value) for name, value in scope["headers"]) > HEADERS_BYTES:
            return _refused(431, "the headers are too long\n")
        if _leads_astray(path):
            return _refused(400, "no such address\n")
        if (answer := _method_refusal(scope["method"], headers)) is not None:
            return answer
        return self._foreign(scope, headers)

    def _foreign(self, scope: Scope, headers: Headers) -> Response | None:
        """Why it is another page that asks."""
        own = {f"http://{host}" for host in self._keys.hosts()}
        origins = headers.getlist("origin")
        is_writing = scope["method"] == _WRITING
        if any(origin not in own for origin in origins) or (is_writing and len(origins) != 1):
            return _refused(403, "not for other pages\n")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return _refused(403, "not for other pages\n")
        if is_writing and not _same(headers.get(KEY_HEADER, ""), self._keys.write_key):
            return _refused(403, "a change needs the key that our pages have\n")
        return None

    def _letting_in(self, scope: Scope) -> Response | None:
        """The exchange of the token for a cookie, or why there is no way in."""
        keys = self._keys
        if scope["path"] == "/" and b"token=" in scope["query_string"]:
            given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])
            if not self._is_token(given[-1], scope["method"]):
                return _refused(403, _NO_ENTRY)
            answer = RedirectResponse("/", status_code=303)
            answer.set_cookie(keys.cookie, keys.session, path="/", httponly=True, samesite="strict")
            return answer
        if not any(_same(value, keys.session) for value in _cookies(scope, keys.cookie)):
            return _refused(403, _NO_ENTRY)
        return None

    def _is_token(self, given: str, method: str) -> bool:
        if _same(given, self._keys.token):
            return True
        is_first = method == "GET" and not self._is_used and _same(given, self._keys.once)
        self._is_used = self._is_used or is_first
        return is_first


def _cookies(scope: Scope, name: str) -> list[str]:
    """All values of a cookie: another server of this address may have set one of its name."""
    pairs = [
        pair.strip().partition("=")
        for header in Headers(scope=scope).getlist("cookie")
        for pair in header.split(";")
    ]
    return [value for key, _is, value in pairs if key == name]


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), wanted.encode())


def _leads_astray(path: bytes) -> bool:
    """True for an address with a step upwards, or what a path has only to deceive."""
    low = path.lower()
    strange = (b"..", b"%2e", b"%2f", b"%5c", b"\\", b"%00", b"//")
    return not path.startswith(b"/") or any(each in low for each in strange)


def _method_refusal(method: str, headers: Headers) -> Response | None:
    if method not in (*_READING, _WRITING):
        return _refused(405, "GET, HEAD and POST\n", {"allow": "GET, HEAD, POST"})
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not (length.isascii() and length.isdigit()):
        return _refused(411, "say how long the body is\n")
    limit = BODY_BYTES if method == _WRITING else 0
    if len(length) > len(str(BODY_BYTES)) or int(length) > limit:
        return _refused(413, "the body is too large\n")
    return None


def _refused(status: int, said: str, headers: dict[str, str] | None = None) -> Response:
    kept = {"cache-control": "no-store", "connection": "close", **(headers or {})}
    return PlainTextResponse(said, status, headers=kept)


def _with_ours(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Ours, but for those that an answer has itself: an image's policy is stricter."""
    names = {name.lower() for name, _value in headers}
    ours = [each for each in HEADERS if each[0] not in names]
    if b"cache-control" not in names:
        ours.append((b"cache-control", b"no-store"))
    return [*headers, *ours]
