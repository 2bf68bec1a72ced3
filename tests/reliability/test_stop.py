"""What a stop ends: sleeps, reads, uploads in parts; and what it leaves alone."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from threading import Event, Thread, get_ident

import pytest

from blsquest.core.errors import SourceError
from blsquest.core.stop import (
    Stopped,
    Workers,
    is_stopped,
    raise_if_stopped,
    shut_down_when_stopped,
    sleep_unless_stopped,
    stops_workers,
)
from blsquest.core.usage import Meter
from blsquest.lake.stores import s3_client, s3_fast
from blsquest.lake.stores.s3 import S3Store
from blsquest.lake.stores.s3_client import READ_SECONDS, STOP_SECONDS
from blsquest.lake.stores.s3_multipart import IN_FLIGHT, MIB
from blsquest.sources.http import Client
from blsquest.sources.pacer import Pacer
from blsquest.sources.request import Request as Asked
from tests.conftest import NewWire
from tests.support.s3_proxy import Request, Wire
from tests.support.s3_servers import S3Server

AN_HOUR = 3600.0


def interrupted(work: Callable[[], object], ready: Event, times: int = 1) -> list[Future[object]]:
    """What became of work in threads when the main thread was interrupted beside them."""
    futures: list[Future[object]] = []
    with suppress(KeyboardInterrupt), Workers(times) as workers:
        futures += [workers.submit(work) for _ in range(times)]
        ready.wait()
        raise KeyboardInterrupt
    return futures


@pytest.fixture
def after_a_stop() -> None:
    with suppress(KeyboardInterrupt), stops_workers():
        raise KeyboardInterrupt


def test_a_worker_that_sleeps_ends_with_the_interruption_of_the_main_thread() -> None:
    asleep = Event()

    def work() -> None:
        asleep.set()
        sleep_unless_stopped(AN_HOUR)

    assert isinstance(interrupted(work, asleep)[0].exception(), Stopped)


def test_workers_that_wait_for_their_turn_with_the_publisher_end_too() -> None:
    pacer, waiting = Pacer(1 / AN_HOUR), Event()

    def turn() -> None:
        with pacer.turn():
            waiting.set()

    futures = interrupted(turn, waiting, times=3)

    # One that had not begun when the stop came never begins.
    assert sum(f.cancelled() or isinstance(f.exception(), Stopped) for f in futures) == 2


def test_a_worker_that_waits_for_bytes_ends_too() -> None:
    here, there = socket.socketpair()
    reading = Event()

    def read() -> bytes:
        shut_down_when_stopped(here)
        reading.set()
        return here.recv(1)

    with there:
        assert interrupted(read, reading)[0].result() == b""


@pytest.mark.usefixtures("after_a_stop")
def test_a_connection_made_after_the_stop_is_not_waited_for() -> None:
    one, other = socket.socketpair()

    with one, other, pytest.raises(Stopped):
        shut_down_when_stopped(one)


def test_an_interruption_that_comes_while_the_end_of_the_block_waits_is_heard_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutdown, futures = ThreadPoolExecutor.shutdown, []

    def interrupt(workers: Workers, *, wait: bool = True, cancel_futures: bool = False) -> None:
        monkeypatch.undo()
        shutdown(workers, wait=False, cancel_futures=cancel_futures)
        raise KeyboardInterrupt

    monkeypatch.setattr(Workers, "shutdown", interrupt, raising=False)
    with pytest.raises(KeyboardInterrupt), Workers(1) as workers:
        futures += [workers.submit(sleep_unless_stopped, AN_HOUR) for _ in range(2)]

    # The one that waited for a worker is cancelled, or stopped as soon as it begins.
    ended = [future for future in futures if not future.cancelled()]
    assert [type(future.exception()) for future in ended] == [Stopped] * len(ended)
    assert all(future.done() for future in futures)


def test_an_error_stops_nobody_else() -> None:
    with pytest.raises(SourceError), Workers(1):
        raise SourceError("One file failed.", "Run again.")

    assert not is_stopped()


def test_a_stop_holds_until_a_run_begins_anew() -> None:
    with pytest.raises(KeyboardInterrupt), stops_workers(), stops_workers():
        raise KeyboardInterrupt
    assert is_stopped()
    with pytest.raises(Stopped):
        raise_if_stopped()

    with stops_workers():
        assert not is_stopped()


def test_a_block_within_another_does_not_take_its_stop_back() -> None:
    seen = []

    def late() -> None:
        with stops_workers():
            seen.append(is_stopped())

    with stops_workers():
        with suppress(KeyboardInterrupt), stops_workers():
            raise KeyboardInterrupt
        late()
    assert seen == [True]


@pytest.mark.usefixtures("after_a_stop")
def test_a_client_asks_nobody_any_more() -> None:
    meter = Meter()

    with pytest.raises(Stopped):
        Client(Pacer(None)).get(Asked("http://127.0.0.1:9/", "it"), BytesIO(), meter)
    assert meter.requests.total() == 0


@dataclass
class Held:
    """A store behind a relay that holds some requests, and a file that goes up in many parts."""

    store: S3Store
    wire: Wire
    large: Path
    asked: Event = field(default_factory=Event)
    go_on: Event = field(default_factory=Event)

    def hold(self, is_held: Callable[[Request], bool]) -> None:
        """Answer none of these requests until `go_on` is set; `asked` is set at the first."""

        def wait(request: Request) -> None:
            if is_held(request):
                self.asked.set()
                self.go_on.wait()

        self.wire.fault = wait

    def upload(self) -> None:
        """Send the file."""
        self.store.upload(self.large, "vintages/x/y/z")


@pytest.fixture
def held(moto_s3: S3Server, wire: NewWire, tmp_path: Path) -> Iterator[Held]:
    """Nothing is held yet; at the end, all goes on."""
    relayed, large = wire(moto_s3), tmp_path / "large"
    large.touch()
    os.truncate(large, 80 * MIB)
    options = replace(moto_s3.options, endpoint=relayed.endpoint)
    made = Held(S3Store(moto_s3.fresh_bucket(), "lake", options), relayed, large)
    yield made
    made.go_on.set()


def test_an_upload_in_parts_is_aborted(held: Held) -> None:
    held.hold(lambda request: request.verb == "PART")
    Thread(target=_set_at_the_stop, args=(held.go_on,), daemon=True).start()

    (future,) = interrupted(held.upload, held.asked)

    assert isinstance(future.exception(), Stopped)
    assert held.store.unfinished() == []
    assert held.store.size("vintages/x/y/z") is None
    assert held.wire.verbs["PART"] < 10


def test_an_upload_in_parts_by_the_main_thread_is_not_waited_for_either(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_client, "STOP_SECONDS", 1)
    held.hold(lambda request: request.verb in {"PART", "ABORT"})

    def interrupt() -> None:
        held.asked.wait()
        signal.pthread_kill(main, signal.SIGINT)

    main = get_ident()
    # Test runners' workers ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt), stops_workers():
            held.upload()
    finally:
        signal.signal(signal.SIGINT, before)
    # No part that had no answer was sent again.
    assert held.wire.verbs["PART"] <= IN_FLIGHT
    assert held.wire.verbs["ABORT"] == 1
    assert held.store.size("vintages/x/y/z") is None


@pytest.mark.parametrize("submitted", [1, 2, 10])
def test_an_interruption_while_parts_are_submitted_ends_those_that_were(
    held: Held, monkeypatch: pytest.MonkeyPatch, submitted: int
) -> None:
    monkeypatch.setattr(s3_client, "STOP_SECONDS", 1)
    held.hold(lambda request: request.verb == "PART")
    futures: list[Future[object]] = []

    def submit(pool: Workers, work: Callable[..., object], *given: object) -> Future[object]:
        futures.append(ThreadPoolExecutor.submit(pool, work, *given))
        if len(futures) == submitted:
            held.asked.wait()
            raise KeyboardInterrupt
        return futures[-1]

    monkeypatch.setattr(Workers, "submit", submit, raising=False)
    with pytest.raises(KeyboardInterrupt), stops_workers():
        held.upload()
    assert all(future.done() for future in futures)
    assert held.store.unfinished() == []


@pytest.mark.parametrize(
    ("who", "verb", "ask"),
    [
        pytest.param("aiobotocore", "DELETE", S3Store.delete, id="s3fs"),
        pytest.param("bls-data-quest", "GET", S3Store.read, id="the fast way"),
    ],
)
def test_a_worker_gives_up_storage_that_says_nothing_and_asks_no_more(
    held: Held,
    monkeypatch: pytest.MonkeyPatch,
    who: str,
    verb: str,
    ask: Callable[[S3Store, str], object],
) -> None:
    assert STOP_SECONDS < READ_SECONDS
    monkeypatch.setattr(s3_fast, "REQUEST_SECONDS", 2)
    held.hold(lambda request: who in request.headers["user-agent"].lower())

    (future,) = interrupted(lambda: ask(held.store, "vintages/x"), held.asked)

    assert isinstance(future.exception(), Stopped)
    assert held.store.meter.spent().requests == {verb: 1}


def _set_at_the_stop(event: Event) -> None:
    with suppress(Stopped):
        sleep_unless_stopped(AN_HOUR)
    event.set()
