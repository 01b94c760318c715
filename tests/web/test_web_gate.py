"""Who is let in, and what may be asked: each request as it is on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from makers import THREAD, put_thread
from served_web import Site, served
from threadlog.web.gate import ADDRESS_BYTES, BODY_BYTES, HEADERS_BYTES, Keys

PAGES = ("/", f"/thread/{THREAD}", "/api/threads", f"/api/thread/{THREAD}/turns")
HOSTILE_HOSTS = (
    "evil.example",
    "127.0.0.1",
    "127.0.0.1:1",
    "localhost",
    "evil.example:{port}",
    "127.0.0.1:{port}.evil.example",
    "127.0.0.1.evil.example:{port}",
    "[::1]:{port}",
    "0.0.0.0:{port}",
    "user@127.0.0.1:{port}",
    "127.0.0.1:{port}/",
    "127.1:{port}",
    "2130706433:{port}",
    "LOCALHOST.:{port}",
)
HOSTILE_ORIGINS = (
    "http://evil.example",
    "null",
    "",
    "file://",
    "http://127.0.0.1",
    "http://127.0.0.1:1",
    "https://127.0.0.1:{port}",
    "http://127.0.0.1:{port}.evil.example",
    "http://evil.example#http://127.0.0.1:{port}",
    "chrome-extension://abc",
)
TRAVERSAL = (
    "/static/../../etc/passwd",
    "/static/x/../../../etc/passwd",
    "/static/x/%2e%2e/%2e%2e/etc/passwd",
    "/static/x/..%2f..%2fetc%2fpasswd",
    "/static/x/%2E%2E%5Cetc",
    "/static/x/..\\..\\etc",
    "//etc/passwd",
    "/thread/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "/thread/..",
    "/thread/%00",
    "/thread/x%00y",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("home")
    put_thread(home, 0xA)
    with served(home) as running:
        yield running


def test_the_link_lets_a_browser_in_and_leaves_no_token_in_the_address(site: Site) -> None:
    answer = site.get(f"/?token={site.keys.token}", cookie=None)
    assert answer.status == 303
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(site.cookie + ";")
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= set(cookie.split("; "))
    assert len(site.keys.token) >= 43
    assert site.get("/").status == 200


@pytest.mark.parametrize("page", PAGES)
def test_nobody_is_let_in_without_the_token(site: Site, page: str) -> None:
    name, token = site.keys.cookie, site.keys.session
    for cookie in (
        None,
        "",
        name,
        f"{name}=",
        f"{name}={token[:-1]}",
        f"{name}={token}x",
        f"{name}={token.swapcase()}",
        f"threadlog={token}",
        f"{name}={site.keys.token}",
        f"{name}={site.keys.once}",
        f"{name}={site.keys.write_key}",
        f"{name}2={token}",
        f"{name}=é",
    ):
        given = None if cookie is None else cookie.encode().decode("latin-1")
        answer = site.get(page, cookie=given)
        assert answer.status == 403, cookie
        assert THREAD not in answer.body
        assert "threadlog serve" in answer.body
    assert site.get(page, cookie=f"a=b; {name}=old; {name}={token}; c=d").status == 200


def test_a_wrong_token_is_exchanged_for_nothing(site: Site) -> None:
    for query in ("token=", "token=x", f"token={site.keys.token}x", "token=%ff", "token=a&token=b"):
        answer = site.get(f"/?{query}", cookie=None)
        assert answer.status == 403
        assert "set-cookie" not in answer.headers
    assert site.get(f"/thread/{THREAD}?token={site.keys.token}", cookie=None).status == 403


def test_the_link_that_a_browser_is_started_with_is_good_for_one_time(home: Path) -> None:
    with served(home) as site:
        once = site.keys.link_once.removeprefix(site.base)
        assert site.get(once, "HEAD", cookie=None).status == 403  # who looks first uses nothing up
        first = site.get(once, cookie=None)
        assert first.status == 303
        assert site.keys.once not in first.headers["set-cookie"]
        assert site.get(once, cookie=None).status == 403
        assert site.get(f"/?token={site.keys.token}", cookie=None).status == 303


def test_no_key_tells_another(site: Site) -> None:
    keys = site.keys
    secrets = {keys.token, keys.once, keys.session, keys.write_key}
    assert len(secrets) == 4
    page = site.get("/").body
    assert not any(each in page for each in secrets - {keys.write_key})
    cookie = site.get(f"/?token={keys.token}", cookie=None).headers["set-cookie"]
    assert not any(each in cookie for each in secrets - {keys.session})


@pytest.mark.parametrize("host", HOSTILE_HOSTS)
def test_only_the_name_of_this_address_is_answered_to(site: Site, host: str) -> None:
    given = host.format(port=site.keys.port)
    for page in PAGES:
        assert site.get(page, host=given).status == 421


def test_a_request_names_one_host(site: Site) -> None:
    for hosts in ("", f"host: {site.host}\r\nhost: {site.host}\r\n"):
        answer = site.sent(f"GET / HTTP/1.1\r\n{hosts}cookie: {site.cookie}\r\n\r\n".encode())
        assert answer.split(b" ", 2)[1] in (b"400", b"421")
    assert site.get("/", host=f"localhost:{site.keys.port}").status == 200


@pytest.mark.parametrize("origin", HOSTILE_ORIGINS)
def test_another_page_asks_in_vain(site: Site, origin: str) -> None:
    given = origin.format(port=site.keys.port)
    assert site.get("/", origin=given).status == 403
    assert site.post(f"/api/thread/{THREAD}/rename", {"name": "x"}, origin=given).status == 403
    assert site.home.get(THREAD).name is None


def test_what_a_browser_says_of_who_asks_is_believed(site: Site) -> None:
    for said in ("cross-site", "same-site", "x"):
        assert site.get("/", sec_fetch_site=said).status == 403
    for said in ("none", "same-origin"):
        assert site.get("/", sec_fetch_site=said).status == 200


@pytest.mark.parametrize(
    "method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "X"]
)
def test_other_methods_are_refused(site: Site, method: str) -> None:
    for page in PAGES:
        assert site.get(page, method).status in (400, 405)
    assert site.get("/", "HEAD").raw == b""
    assert site.post("/", {}).status == 405


@pytest.mark.parametrize("path", TRAVERSAL)
def test_no_address_leads_out(site: Site, path: str) -> None:
    answer = site.get(path)
    assert answer.status in (400, 404)
    assert "root:" not in answer.body


def test_addresses_headers_and_bodies_have_limits(site: Site) -> None:
    assert site.get("/?" + "x" * ADDRESS_BYTES).status == 414
    assert site.get("/", x_large="x" * HEADERS_BYTES * 2).status in (400, 431)
    many = "".join(f"x-{number}: y\r\n" for number in range(20_000))
    answer = site.sent(f"GET / HTTP/1.1\r\nhost: {site.host}\r\n{many}\r\n".encode())
    assert answer == b"" or answer.split(b" ", 2)[1] in (b"400", b"431")
    path = f"/api/thread/{THREAD}/rename"
    assert site.post(path, {"name": "x" * BODY_BYTES}).status == 413
    head = f"POST {path} HTTP/1.1\r\nhost: {site.host}\r\ncookie: {site.cookie}\r\n"
    head += f"origin: {site.base}\r\nx-threadlog-key: {site.keys.write_key}\r\n"
    chunked = f"{head}transfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    assert site.sent(chunked.encode()).split(b" ", 2)[1] == b"411"
    for length in ("-1", "x", "1" * 30, ""):
        told = site.sent(f"{head}content-length: {length}\r\n\r\n".encode())
        assert told.split(b" ", 2)[1] in (b"400", b"411", b"413")
    assert site.ask("GET", "/", b"x" * 10, {}).status == 413
    assert site.home.get(THREAD).name is None


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\xff\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nhost: evil.example\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_no_http_ends_a_connection_and_not_the_server(site: Site, data: bytes) -> None:
    answer = site.sent(data)
    assert answer == b"" or answer.split(b" ", 2)[1] in (b"400", b"421", b"505")
    assert site.get("/").status == 200


def test_a_websocket_is_not_opened(site: Site) -> None:
    answer = site.get(
        "/", upgrade="websocket", connection="Upgrade", sec_websocket_key="dGhlIHNhbXBsZSBub25jZQ=="
    )
    assert answer.status == 200  # as if it had not been asked for


@pytest.mark.parametrize("path", [*PAGES, "/nothing", "/static/x/theme.js", "/favicon.ico"])
def test_every_answer_says_what_a_browser_may_do_with_it(site: Site, path: str) -> None:
    for answer in (site.get(path), site.get(path, cookie=None), site.get(path, host="x")):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src")
        for never in ("unsafe", "*", "http:", "https:"):
            assert never not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers


def test_only_this_machine_can_reach_it(home: Path) -> None:
    from threadlog.web.server import listening

    with listening(0) as bound:
        assert bound.getsockname()[0] == "127.0.0.1"


def test_the_port_that_browsers_leave_out_need_not_be_named() -> None:
    assert Keys.made(80).hosts() >= {"127.0.0.1", "localhost", "127.0.0.1:80"}
    assert not Keys.made(8080).hosts() & {"127.0.0.1", "localhost"}
