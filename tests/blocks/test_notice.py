"""The block that a notice is sent through: which are taken, and what sending may take."""

import logging
from collections.abc import Iterator

import pytest
from prefect.blocks.notifications import SlackWebhook
from prefect.blocks.system import Secret
from prefect.blocks.webhook import Webhook
from pydantic import SecretStr

from blocks.notice import Notice, NotSentError, open_notice
from blsquest.core.errors import Misuse
from tests.support.inbox import SECRET, Inbox, inbox
from tests.support.prefect_server import PrefectServer


@pytest.fixture
def received() -> Iterator[Inbox]:
    with inbox() as one:
        yield one


def notice(received: Inbox) -> Notice:
    return Notice("webhook/people", Webhook(url=SecretStr(received.url)))


def test_a_webhook_gets_each_text_as_json(received: Inbox) -> None:
    for text in ("first", "second"):
        notice(received).send("A release", text)
    block = notice(received)
    block.send("A release", "third")
    block.send("A release", "fourth")  # by the same block, as of a run over many surveys
    assert received.texts == ["first", "second", "third", "fourth"]


def test_what_is_not_received_is_an_error_that_shows_no_address(
    received: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    received.status = 500
    with caplog.at_level(logging.INFO), pytest.raises(NotSentError, match="answered 500") as wrong:
        notice(received).send("A release", "text")
    nobody = Notice("webhook/people", Webhook(url=SecretStr(f"http://127.0.0.1:9{SECRET}")))
    with pytest.raises(NotSentError, match="ConnectError") as absent:
        nobody.send("A release", "text")
    for said in (str(wrong.value), str(absent.value), caplog.text):
        assert "hush" not in said
        assert "127.0.0.1" not in said


def test_a_receiver_that_does_not_answer_is_not_waited_for(received: Inbox) -> None:
    received.answers.clear()
    with pytest.raises(NotSentError, match="it took over"):
        notice(received).send("A release", "text", within=0.2)


def test_a_block_of_prefects_own_kinds_is_taken(workspace: PrefectServer) -> None:
    Webhook(url=SecretStr("http://127.0.0.1:9/hush")).save("people", overwrite=True)
    SlackWebhook(url=SecretStr("https://hooks.slack.com/services/T0/B0/hush")).save(
        "people", overwrite=True
    )
    for reference in ("webhook/people", "slack-webhook/people"):
        assert open_notice(reference).reference == reference


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("webhook/nobody", "No block webhook/nobody is registered"),
        ("nonsense/nobody", "No block nonsense/nobody is registered"),
        ("secret/password", "The block secret/password sends no notices"),
        ("https://hooks.slack.com/services/T0/B0/hush", "no reference to a block"),
        ("webhook", "no reference to a block"),
    ],
)
def test_what_is_no_block_for_notices_is_refused_and_never_shown(
    workspace: PrefectServer, reference: str, said: str
) -> None:
    Secret(value=SecretStr("hush")).save("password", overwrite=True)
    with pytest.raises(Misuse, match=said) as wrong:
        open_notice(reference)
    assert "hush" not in str(wrong.value)
    assert "webhook/bls-data-quest" in wrong.value.remedy
