"""Faults of answers, connections and bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from blsquest.sources.sample.server import SampleServer
from tests.reliability.addresses import impostor, nobody
from tests.reliability.fault_table import (
    CHANGED,
    FAILED,
    PASSING,
    REFUSED,
    Row,
    Sicken,
    asks_to_wait,
    current,
    hurried,
    lengthened,
    listing,
    on,
)
from tests.support import faults as sick
from tests.support.stage import CURRENT, LISTING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.stage import Stage

PAGE, FILE = "the listing of bls/pr", r"bls/pr/pr\.data\.0\.Current"
"""What messages call the listing and the file that is struck."""

_DOOMSDAY = "Fri, 31 Dec 9999 23:59:59 GMT"
_PLAIN_PAGE = (sick.html_page(), sick.content_type("text/plain"))
_BOMB = (sick.body(bytes(64 << 20)), sick.gzipped())


def _elsewhere(path: str) -> Sicken:
    """A redirect to another host, where a whole publisher stands ready."""

    def sicken(stage: Stage) -> None:
        stage.other = stage.closing.enter_context(SampleServer())
        stage.strike(sick.redirect(f"{stage.other.bls_url}pr/pr.data.0.Current"), path)

    return sicken


def _at(address: Callable[[Stage], str], scheme: str = "https") -> Sicken:
    """BLS is looked for at another address."""

    def sicken(stage: Stage) -> None:
        stage.root = f"{scheme}://{address(stage)}/pub/time.series/"

    return sicken


def _plain_http(stage: Stage) -> str:
    """The sample server's own address: it speaks no TLS."""
    return stage.server.bls_url.split("/")[2]


ANSWERS = [
    Row("the listing is forbidden", listing(sick.status(403)), FAILED, (PAGE, "403", "contact")),
    Row("the survey is not there", listing(sick.status(404)), FAILED, ("survey 'pr'", "404")),
    Row("the listing is answered 416", listing(sick.status(416)), FAILED, (PAGE, "416")),
    Row("the listing is answered 429", listing(sick.status(429)), PASSING, (PAGE, "429")),
    Row("the listing is answered 500", listing(sick.status(500)), PASSING, (PAGE, "500")),
    Row("the listing is answered 503 once", listing(sick.status(503), times=1), CHANGED),
    Row("a file is forbidden in mid-run", current(sick.status(403)), FAILED, (FILE, "403")),
    Row("a listed file is not there", current(sick.status(404)), FAILED, (FILE, "404")),
    Row("a file is answered 206", current(sick.status(206, b"x")), FAILED, (FILE, "206")),
    Row("a file is answered 416", current(sick.status(416)), FAILED, (FILE, "416")),
    Row("a file is answered 429", current(sick.status(429)), PASSING, (FILE, "3 attempts")),
    Row("a file is answered 429 once", current(sick.status(429), times=1), CHANGED),
    Row("a file is answered 500", current(sick.status(500)), PASSING, (FILE, "500")),
    Row("a file is answered 599", current(sick.status(599)), PASSING, (FILE, "599")),
    Row("503 asks for a minute", current(asks_to_wait(60), times=2), CHANGED),
    Row("429 asks for a minute", current(asks_to_wait(60, 429), times=2), CHANGED),
    Row("503 asks for a day", current(asks_to_wait(86400)), FAILED, (FILE, "86,400 s")),
    Row("503 asks for 400 digits of seconds", current(asks_to_wait("9" * 400)), FAILED, (FILE,)),
    Row("429 asks for the year 9999", current(asks_to_wait(_DOOMSDAY, 429)), FAILED, ("longer",)),
    Row("503 asks in unknown words", current(asks_to_wait("soon"), times=2), CHANGED),
    Row("304 to a plain request", on("*/pr.notice", sick.status(304, b"")), FAILED, ("304",)),
    Row("the listing is on another host", _elsewhere(LISTING), FAILED, (PAGE, "another host")),
    Row("a file is on another host", _elsewhere(CURRENT), FAILED, (FILE, "another host")),
    Row("a file is a file here", current(sick.redirect("file:///etc/passwd")), FAILED, ("passwd",)),
    Row("a redirect leads nowhere", current(sick.redirect("")), FAILED, (FILE, "redirects")),
    Row("redirects go in a circle", current(sick.redirect_loop()), FAILED, (FILE, "3 times")),
]

CONNECTIONS = [
    Row("nobody listens", _at(nobody, "http"), PASSING, (PAGE, "refused the connection")),
    Row("the host has no address", _at(lambda _: "bls.invalid"), PASSING, ("bls.invalid", "DNS")),
    Row("the certificate is not trusted", _at(impostor), FAILED, (PAGE, "certificate")),
    Row("the server speaks no TLS", _at(_plain_http), FAILED, (PAGE, "does not speak TLS")),
    Row("the answer is not HTTP", current(sick.raw(b"220 ftp\r\n")), PASSING, (FILE, "in HTTP")),
    Row("the listing is hung up on", listing(sick.hang_up()), PASSING, (PAGE, "connection")),
    Row("a file is hung up on", current(sick.hang_up()), PASSING, (FILE, "connection")),
    Row("a file is hung up on once", current(sick.hang_up(), times=1), CHANGED),
    Row("a file is reset at byte 0", current(sick.reset(0)), PASSING, (FILE, "connection")),
    Row("a file is reset at byte 99", current(sick.reset(99)), PASSING, (FILE, "connection")),
    Row("a file is reset at byte 99 once", current(sick.reset(99), times=1), CHANGED),
    Row(
        "the listing is not answered",
        hurried(listing(sick.silence()), read=0.1),
        PASSING,
        (PAGE, "nothing came within the read timeout"),
    ),
    Row(
        "a file stalls at byte 0",
        hurried(current(sick.stall(0)), read=0.1),
        PASSING,
        (FILE, "nothing came within the read timeout"),
    ),
    Row(
        "a file stalls at byte 99",
        hurried(current(sick.stall(99)), read=0.1),
        PASSING,
        (FILE, "nothing came within the read timeout"),
    ),
    Row("a file stalls once", hurried(current(sick.stall(99), times=1), read=0.5), CHANGED),
    Row(
        "a file trickles past the deadline",
        hurried(current(sick.trickle(20, 0.02)), total=0.1),
        PASSING,
        (FILE, "in the time allowed", "total timeout"),
    ),
]

BODIES = [
    Row("a file is truncated", current(sick.truncate(99)), PASSING, (FILE, "before .* was whole")),
    Row("a file is truncated once", current(sick.truncate(99), times=1), CHANGED),
    Row("the listing is truncated", listing(sick.truncate(99)), PASSING, (PAGE, "was whole")),
    Row("a body goes on past its length", current(sick.longer(b"more")), CHANGED),
    Row("a file is longer than listed", current(lengthened(b"!")), PASSING, (FILE, "listing says")),
    Row("a file is shorter than listed", current(sick.body(b"x")), PASSING, (FILE, "announces 1")),
    Row("a file is empty", current(sick.empty()), PASSING, (FILE, "announces 0")),
    Row("a file comes in chunks", current(sick.chunked()), CHANGED),
    Row("the listing comes in chunks", listing(sick.chunked()), CHANGED),
    Row("chunks end early", current(sick.chunked(), sick.truncate(99)), PASSING, (FILE, "whole")),
    Row("too many chunks", current(lengthened(b"!"), sick.chunked()), PASSING, (FILE, "more came")),
    Row("a length is not announced", current(sick.unannounced()), CHANGED),
    Row(
        "a file without a length ends early",
        current(sick.unannounced(), sick.truncate(99)),
        PASSING,
        (FILE, "99 of"),
    ),
    Row("a file is a gzip bomb", current(*_BOMB), REFUSED, (FILE, "encoded", "gzip")),
    Row("the listing is a gzip bomb", listing(*_BOMB), REFUSED, (PAGE, "encoded", "gzip")),
    Row(
        "the listing goes on and on",
        listing(lengthened(bytes(17 << 20)), sick.chunked()),
        FAILED,
        (PAGE, "more than the 16,777,216 bytes"),
    ),
    Row(
        "a file is called a web page",
        current(sick.content_type("Text/HTML")),
        REFUSED,
        (r"pr\.data\.0\.Current", "a web page in its place"),
    ),
    Row("a file is called a video", current(sick.content_type("video/mp4")), CHANGED),
    Row("an error page says 200", current(sick.html_page()), REFUSED, (r"\.Current", "web page")),
    Row("a plain error page says 200", current(*_PLAIN_PAGE), PASSING, (FILE, "announces")),
    Row(
        "a plain error page comes in chunks",
        current(*_PLAIN_PAGE, sick.chunked()),
        REFUSED,
        (r"pr\.data\.0\.Current", "a web page in its place"),
    ),
    Row(
        "a sample stands in for the publisher",
        listing(sick.header("X-Sample-Data", "generated")),
        REFUSED,
        ("real data", "sample data", "never mixed"),
    ),
]
