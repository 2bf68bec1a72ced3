import tomllib
from pathlib import Path

import pytest

from blsquest import __version__
from blsquest.core.errors import Misuse
from blsquest.sources.config import check_contact, check_root, check_survey, check_url


def test_the_version_that_publishers_see_is_the_projects() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["version"] == __version__


@pytest.mark.parametrize(
    "contact", ["nobody", "a@b\r\nX-Evil: 1", "a@b\n", "a b@c", "ä@b.org", f"{'a' * 253}@b"]
)
def test_a_contact_that_no_header_can_hold_is_misuse(contact: str) -> None:
    with pytest.raises(Misuse, match="not an e-mail address"):
        check_contact(contact)


@pytest.mark.parametrize("contact", [None, "", "  "])
def test_a_missing_contact_says_how_to_set_it(contact: str | None) -> None:
    with pytest.raises(Misuse, match=r"--contact you@example.org.*BLS_CONTACT.*block"):
        check_contact(contact)


@pytest.mark.parametrize(
    "contact",
    ["you@example.org", "You@Example.COM", "me@example.net", "me@mail.example.org", "a@b.example"],
)
def test_bls_is_never_sent_an_address_out_of_a_document(contact: str) -> None:
    with pytest.raises(Misuse, match=rf"{contact} is a placeholder.*CONTACT="):
        check_contact(contact, "https://download.bls.gov/pub/time.series/")
    assert check_contact(contact, "http://127.0.0.1:8000/") == contact


@pytest.mark.parametrize(
    "contact", ["o'hara+bls@corp.com", "me@myexample.org", "example.org@corp.com", "me@example.gov"]
)
def test_an_address_that_only_looks_like_a_placeholder_is_somebody_s(contact: str) -> None:
    assert check_contact(contact, "https://download.bls.gov/pub/time.series/") == contact


@pytest.mark.parametrize("survey", ["", "p", "PR", "pr/", "..", "p r", "pr\n", "a" * 13, "ﬁ"])
def test_what_cannot_be_a_survey_is_misuse_and_the_nearest_is_suggested(survey: str) -> None:
    meant = "Did you mean pr" if survey.strip().lower() == "pr" else "Codes are two or more"
    with pytest.raises(Misuse, match=f"not the code of a BLS survey.*{meant}"):
        check_survey(survey)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://download.bls.gov/pub/time.series", "https://download.bls.gov/pub/time.series/"),
        ("http://localhost:8000/", "http://localhost:8000/"),
        ("http://127.0.0.1:8000/x/", "http://127.0.0.1:8000/x/"),
        ("http://[::1]:8000", "http://[::1]:8000/"),
    ],
)
def test_a_root_ends_in_a_slash(given: str, used: str) -> None:
    assert check_root(given) == used


NO_HOST = ("", "pr", "ftp://download.bls.gov/", "https://", "https://host:port/", "https://[bad/")
NO_PATH = ("https://host:99999/", "https://host/a b", "https://host/a\nb", "https://host/#part")
NO_TLS = ("http://download.bls.gov/", "http://127.0.0.1.evil.example/")


@pytest.mark.parametrize("url", [*NO_HOST, *NO_PATH, *NO_TLS])
def test_an_impossible_url_is_misuse(url: str) -> None:
    with pytest.raises(Misuse, match="The URL"):
        check_url(url)
    with pytest.raises(Misuse, match="has a query"):
        check_root("https://host/?a=b")


@pytest.mark.parametrize("url", ["https://me:hunter2@host/", "ftp://me:hunter2@host/"])
def test_a_password_in_a_url_is_misuse_and_stays_out_of_the_message(url: str) -> None:
    with pytest.raises(Misuse) as caught:
        check_url(url)
    assert "hunter2" not in str(caught.value)
