"""A pace shared by several processes: turns by the clock, proven on the server's."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blsquest.core.errors import Misuse
from blsquest.sources.pacer import Pacer
from blsquest.sources.share import LATE, SLACK, Share, parse_share

if TYPE_CHECKING:
    from blsquest.sources.sample.server import SampleServer

shares = st.integers(1, 64).flatmap(
    lambda of: st.builds(Share, number=st.integers(1, of), of=st.just(of))
)
intervals = st.floats(0.01, 100)
moments = st.floats(1.7e9, 2e9)


@given(share=shares, interval=intervals, moment=moments)
def test_after_the_wait_it_is_the_processs_own_turn(
    share: Share, interval: float, moment: float
) -> None:
    wait = share.wait(interval, moment)

    assert 0 <= wait <= share.of * interval * (1 + LATE + SLACK) + interval * LATE / 4
    assert share.wait(interval, moment + wait) == 0


@given(share=shares, other=st.integers(1, 63), interval=intervals, moment=moments)
def test_two_processes_never_leave_closer_than_the_pace(
    share: Share, other: int, interval: float, moment: float
) -> None:
    neighbour = Share((share.number + other - 1) % share.of + 1, share.of)
    if neighbour == share:
        return
    leaves = moment + share.wait(interval, moment)

    follows = leaves + neighbour.wait(interval, leaves)

    assert follows - leaves >= interval * (1 + SLACK / 2) - 1e-6


class Clocks:
    """Time that passes only when somebody sleeps, on both clocks."""

    def __init__(self, moment: float) -> None:
        self.moment = moment
        self.slept = 0.0

    def __call__(self) -> float:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.moment += seconds


def test_a_process_takes_each_of_its_turns_once() -> None:
    clocks = Clocks(1000.0)
    pacer = Pacer(10, share=Share(2, 3), clock=clocks, wall=clocks, sleep=clocks.sleep)
    left = []
    for _ in range(4):
        with pacer.turn():
            pacer.may_leave()
            left.append(clocks.moment)
            pacer.sent()
    turn = 0.1 * (1 + LATE + SLACK)
    assert [b - a for a, b in pairwise(left)] == [pytest.approx(3 * turn)] * 3
    assert turn <= left[0] % (3 * turn) <= turn + 0.1 * LATE


def test_a_connection_that_took_longer_than_the_turn_waits_for_the_next() -> None:
    clocks = Clocks(0.0)
    pacer = Pacer(1, share=Share(1, 2), clock=clocks, wall=clocks, sleep=clocks.sleep)
    with pacer.turn():
        clocks.moment += 0.5  # DNS, TCP, TLS
        pacer.may_leave()
        assert clocks.moment == pytest.approx(2 * (1 + LATE + SLACK) + LATE / 4)


@pytest.mark.parametrize("text", ["0/4", "5/4", "1/0", "1/65", "2", "a/b", "1/4/", "-1/4", ""])
def test_what_is_no_share_is_misuse(text: str) -> None:
    with pytest.raises(Misuse, match="is no share of a pace"):
        parse_share(text)


def test_a_share_is_read_as_it_is_written() -> None:
    assert parse_share("2/4") == Share(2, 4)


CHILD = """
import sys
from blsquest.sources.bls import BlsSurvey
from blsquest.sources.http import Client
from blsquest.sources.pacer import Pacer
from blsquest.sources.share import parse_share
url, rate, share, requests = sys.argv[1:]
client = Client(Pacer(float(rate), share=parse_share(share)), contact="tester@example.org")
survey = BlsSurvey("pr", client, url)
for _ in range(int(requests)):
    survey.list()
"""


def test_four_processes_together_keep_the_pace_on_the_servers_clock(server: SampleServer) -> None:
    rate, processes, each = 2.0, 4, 3
    running = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, server.bls_url, str(rate), f"{n}/{processes}", str(each)]
        )
        for n in range(1, processes + 1)
    ]
    assert [child.wait(60) for child in running] == [0] * processes

    arrivals = sorted(r.arrived for r in server.requests)
    assert len(arrivals) == processes * each
    assert min(b - a for a, b in pairwise(arrivals)) >= 1 / rate
