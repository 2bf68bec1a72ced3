import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from blsquest.core.errors import Misuse, SourceError
from blsquest.sources.pacer import MARGIN, Pacer
from blsquest.sources.sample.server import SampleServer
from tests.sources.conftest import Getter, make_client
from tests.sources.test_pacer import Clock
from tests.support.certificates import self_signed


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of a server that treats one connection so."""

    def once() -> None:
        with listener.accept()[0] as connection:
            serve(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=once)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/"
        thread.join()


def test_an_unknown_certificate_is_named_and_not_tried_again(get: Getter, tmp_path: Path) -> None:
    handshakes: list[int] = []

    def serve(connection: socket.socket) -> None:
        handshakes.append(1)
        with pytest.raises(ssl.SSLError):
            context.wrap_socket(connection, server_side=True)

    context = self_signed(tmp_path / "server.pem")
    with (
        listening(serve) as url,
        pytest.raises(SourceError, match="certificate that cannot be verified") as caught,
    ):
        get(url)
    assert not caught.value.transient
    assert handshakes == [1]


def test_a_certificate_bundle_named_in_the_environment_is_trusted_and_the_pace_holds(
    get: Getter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            for _ in range(3):
                while not secure.recv(4096).endswith(b"\r\n\r\n"):
                    pass
                secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    context = self_signed(tmp_path / "server.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "server.pem"))
    clock = Clock()
    client = make_client(pacer=Pacer(1, clock=clock, sleep=clock.sleep))
    with listening(serve) as url:
        bodies = [get(url, client=client)[1] for _ in range(3)]  # on one connection
    assert bodies == [b"ok"] * 3
    assert clock.slept == [pytest.approx(1 + MARGIN)] * 2


@pytest.mark.parametrize(
    ("url", "why", "transient"),
    [
        ("https://{server}/", "does not speak TLS", False),
        ("http://{nobody}/", "{nobody} refused the connection", True),
        ("https://*.example/", "URL is invalid, or its proxy", False),
    ],
)
def test_an_address_that_cannot_be_asked_is_named(
    server: SampleServer, get: Getter, url: str, why: str, *, transient: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"127.0.0.1:{taken.getsockname()[1]}"
    names = {"server": server.bls_url.split("/")[2], "nobody": nobody}
    with pytest.raises(SourceError, match=why.format(**names)) as caught:
        get(url.format(**names))
    assert caught.value.transient is transient


@pytest.mark.parametrize(
    ("where", "error", "why"),
    [
        (socket, socket.gaierror(socket.EAI_NONAME, "unknown"), "a name that cannot be resolved"),
        (socket.socket, OSError(101, "Network is unreachable"), "cannot be reached from here"),
    ],
)
def test_an_unknown_name_or_an_unreachable_network_is_named(
    get: Getter, monkeypatch: pytest.MonkeyPatch, where: object, error: OSError, why: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    # The resolver is the network's, and a test must not ask it.
    monkeypatch.setattr(where, "getaddrinfo" if where is socket else "connect", fail)
    monkeypatch.setenv("no_proxy", "*")
    host = "publisher.example" if where is socket else "127.0.0.1:9"
    with pytest.raises(SourceError, match=f"{host}.*{why}"):
        get(f"http://{host}/")


def test_a_bundle_that_is_no_file_is_named(get: Getter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/bundle.pem")
    with pytest.raises(Misuse, match=r"REQUESTS_CA_BUNDLE .*names no file: /no/such/bundle.pem"):
        get("https://127.0.0.1:9/")
