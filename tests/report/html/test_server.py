"""The live server: for this machine, for who has the address, and only to read."""

import http.client
from collections.abc import Iterator
from threading import Thread

import pytest

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
def server(source: Source) -> Iterator[LiveServer]:
    with LiveServer(lambda: "<!doctype html>page", source) as made:
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
