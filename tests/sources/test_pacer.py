from threading import Event, Thread

import pytest

from blsquest.core.errors import Misuse
from blsquest.sources.pacer import LAG, MARGIN, Pacer


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def paced(per_second: float | None, clock: Clock) -> Pacer:
    return Pacer(per_second, clock=clock, sleep=clock.sleep)


def test_on_a_new_connection_the_interval_counts_from_the_headers(clock: Clock) -> None:
    pacer = paced(2, clock)
    with pacer.turn():
        assert clock.slept == []  # the first request does not wait
        clock.now += 3  # DNS, TCP, TLS, the request, the headers
    with pacer.turn():
        assert clock.slept == [pytest.approx(0.5 * (1 + MARGIN))]


@pytest.mark.parametrize(("answered_after", "counted_from"), [(0.003, 0.003), (0.2, 0.5 * LAG)])
def test_a_slow_answer_costs_little_of_the_pace(
    clock: Clock, answered_after: float, counted_from: float
) -> None:
    pacer = paced(2, clock)
    with pacer.turn():
        pacer.sent()
        clock.now += answered_after
    with pacer.turn():
        assert clock.slept == [pytest.approx(0.5 * (1 + MARGIN) + counted_from - answered_after)]


def test_a_request_that_could_not_be_sent_counts_too(clock: Clock) -> None:
    pacer = paced(1, clock)
    with pytest.raises(ConnectionRefusedError), pacer.turn():
        raise ConnectionRefusedError
    with pacer.turn():
        assert clock.slept == [pytest.approx(1 + MARGIN)]


def test_nobody_else_gets_a_turn_before_the_request_is_sent() -> None:
    pacer = Pacer(1000)
    began = Event()

    def other() -> None:
        with pacer.turn():
            began.set()

    thread = Thread(target=other)
    with pacer.turn():
        thread.start()
        assert not began.wait(0.05)
        pacer.sent()
        began.wait()
    thread.join()


def test_a_hold_delays_everyone_also_those_already_waiting(clock: Clock) -> None:
    pacer = paced(1, clock)
    with pacer.turn():
        pass

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if len(clock.slept) == 1:
            pacer.hold(30)

    pacer._sleep = sleep
    with pacer.turn():
        assert clock.slept == [pytest.approx(1 + MARGIN), pytest.approx(30)]


@pytest.mark.parametrize("rate", [None, 0])
def test_without_a_rate_only_a_hold_makes_anyone_wait(rate: float | None, clock: Clock) -> None:
    pacer = paced(rate, clock)
    for _ in range(3):
        with pacer.turn():
            pacer.sent()
    assert clock.slept == []
    pacer.hold(7)
    with pacer.turn():
        assert clock.slept == [7]


@pytest.mark.parametrize("rate", [-1.0, float("nan"), float("inf")])
def test_an_impossible_rate_is_misuse(rate: float) -> None:
    with pytest.raises(Misuse, match="positive number"):
        Pacer(rate)
