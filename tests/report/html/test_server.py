"""The live server: for this machine, for who has the address, and only to read."""

import http.client
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Thread

import pytest

from relume.report.html import server as html_server
from relume.report.html.server import LOOPBACK, LiveServer


class Source:
    """What is served, to be changed by a test."""

    data = '{"step": 1}'
    problem: Exception | None = None

    def __call__(self) -> str:
        if self.problem is not None:
            raise self.problem
        return self.data


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def server(source: Source, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveServer]:
    monkeypatch.setattr(html_server, "FRESH", 0.0)

    def page() -> str:
        if source.problem is not None:
            raise source.problem
        return "<!doctype html>page"

    with LiveServer(page, source) as made:
        thread = Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def ask(
    server: LiveServer, path: str = "", method: str = "GET", **headers: str
) -> tuple[int, str, http.client.HTTPMessage]:
    """One request to the page's address, `path` after the token; a header's _ stands for -."""
    link = http.client.HTTPConnection(LOOPBACK, server.server_port, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    link.request(method, path if path.startswith("/") else f"/{server.token}/{path}", headers=named)
    answer = link.getresponse()
    body = answer.read().decode()
    link.close()
    return answer.status, body, answer.headers


def test_the_page_and_its_data(server: LiveServer) -> None:
    status, body, headers = ask(server)
    assert (status, body) == (200, "<!doctype html>page")
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"  # the address holds the token
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert ask(server, "data")[:2] == (200, '{"step": 1}')
    assert ask(server, "data?x=1")[0] == 200


def test_it_listens_on_loopback_only(server: LiveServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_port}/{server.token}/"
    assert len(server.token) >= 20


def test_who_has_not_the_address_sees_nothing(server: LiveServer) -> None:
    for path in (
        "/",
        "/data",
        "/x/",
        "/x/data",
        f"/{server.token[:-1]}/",
        f"/{server.token}",
        "//",
    ):
        status, body, _ = ask(server, path)
        assert status == 404, path
        assert server.token not in body
    for rest in ("data/", "../data", "other", "data/../../etc/passwd"):
        assert ask(server, rest)[0] == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "localhost"},
        {"Host": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
    ids=str,
)
def test_other_hosts_and_other_sites_are_refused(
    server: LiveServer, headers: dict[str, str]
) -> None:
    status, body, _ = ask(server, "data", **headers)
    assert status == 403
    assert "step" not in body


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_our_own_names_are_served(server: LiveServer, name: str) -> None:
    host = f"{name}:{server.server_port}"
    assert ask(server, "data", Host=host, Origin=f"http://{host}")[0] == 200
    assert ask(server, "data", Sec_Fetch_Site="same-origin")[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_it_only_reads(server: LiveServer, method: str) -> None:
    assert ask(server, "data", method)[0] == 501


def test_head_has_no_body(server: LiveServer) -> None:
    status, body, headers = ask(server, "data", "HEAD")
    assert (status, body) == (200, "")
    assert headers["Content-Length"] == "11"


def test_what_has_not_changed_is_not_sent_again(server: LiveServer, source: Source) -> None:
    tag = ask(server, "data")[2]["ETag"]
    assert ask(server, "data", If_None_Match=tag)[:2] == (304, "")
    source.data = '{"step": 2}'
    status, body, headers = ask(server, "data", If_None_Match=tag)
    assert (status, body) == (200, '{"step": 2}')
    assert headers["ETag"] != tag


def test_a_run_that_cannot_be_read_now_is_said_and_asked_again(
    server: LiveServer, source: Source
) -> None:
    source.problem = ValueError("half written")
    assert ask(server, "data")[:2] == (503, "ValueError: half written")
    source.problem = None
    assert ask(server, "data")[0] == 200


def test_two_hundred_readers_at_once_are_all_answered(server: LiveServer) -> None:
    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda _: ask(server, "data")[:2], range(200)))
    assert answers == [(200, '{"step": 1}')] * 200


def test_slow_readers_hold_up_nobody(server: LiveServer) -> None:
    """A hundred that never finish their request, and some that never read the answer."""
    with ExitStack() as stack:
        for number in range(100):
            link = stack.enter_context(socket.create_connection((LOOPBACK, server.server_port)))
            link.sendall(b"GET /" if number % 2 else f"GET /{server.token}/ HTTP/1.0\r\n".encode())
        assert ask(server, "data")[0] == 200
        assert ask(server)[0] == 200


def test_a_file_that_is_gone_is_said_in_an_answer(server: LiveServer, source: Source) -> None:
    source.problem = FileNotFoundError("the run file is gone")
    for path in ("", "data"):
        status, body, _ = ask(server, path)
        assert (status, body) == (503, "FileNotFoundError: the run file is gone")
    source.problem = None
    assert ask(server)[0] == 200


def test_readers_at_the_same_time_share_what_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def make() -> str:
        made.append(1)
        return "text"

    shared = html_server._Shared(make)
    monkeypatch.setattr(html_server, "monotonic", lambda: clock)
    clock = 10.0
    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(lambda _: shared(), range(100))) == {b"text"}
    assert len(made) == 1
    clock = 10.0 + 2 * html_server.FRESH
    shared()
    assert len(made) == 2
