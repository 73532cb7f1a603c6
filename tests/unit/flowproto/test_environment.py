"""Secrets in the environment stay out of the record of a run."""

import pytest

from flowproto.environment import looks_secret, shareable


@pytest.mark.parametrize(
    "name",
    [
        "GITHUB_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "DB_PASSWORD",
        "PGPASSWORD",
        "MYSQL_PWD",
        "OPENAI_API_KEY",
        "ANTHROPIC_KEY",
        "npm_config__authToken",
        "SSH_PRIVATE_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GITHUB_PAT",
        "apikey",
        "Session_Cookie",
        "CLIENT_SECRET",
    ],
)
def test_secret_names(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "HOME",
        "PWD",
        "OLDPWD",
        "SSH_AUTH_SOCK",
        "XAUTHORITY",
        "GPG_AGENT_INFO",
        "KEYMAP",
        "PASSWORD_STORE_DIR",
        "SSL_CERT_FILE",
        "COMPASS_HOME",
        "http_proxy",
        "TOKENIZERS_PARALLELISM",
    ],
)
def test_harmless_names(name: str) -> None:
    assert not looks_secret(name)


def test_what_cannot_be_sent_as_text_stays_behind() -> None:
    environment = {"GOOD": "é", "BAD": "\udcff", "API_TOKEN": "x", "B\udcffD": "x"}
    assert shareable(environment) == {"GOOD": "é"}
