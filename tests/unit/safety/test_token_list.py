"""What others know as a token is masked: CredSweeper keeps a list of them, with expressions.

Texts that fit its expressions are made up and must be masked, but for the kinds named here, with
the reason. A new version of the list (`tests/install_tools.sh`) may bring kinds that fail this.
"""

import re
from base64 import b64encode
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from flowd.safety.masking import SecretMasker
from support.made_up import texts_for

TEXTS = 20  # of each kind

NOT_SECRET = "says who or where somebody is, and lets nobody in"
IN_PROSE = "looks for names and values in prose, with a model to sort out what is none"
TOO_PLAIN = (
    "nothing tells it from other words; found when its value or the variable's name is known"
)
OF_WINDOWS = "no program here writes it"
LEFT_OUT = {
    "UUID": NOT_SECRET,
    "Product Activation Key": TOO_PLAIN,
    "AWS Client ID": NOT_SECRET,
    "Google Multi": NOT_SECRET,
    "Firebase Domain": NOT_SECRET,
    "AWS S3 Bucket": NOT_SECRET,
    "Twilio Credentials": NOT_SECRET,
    "Tencent WeChat API App ID": NOT_SECRET,
    "JSON Web Key": "any JSON in base64 looks so, as source maps do",
    "JWK": "its secret parts are single letters with a value",
    "BASE64 Private Key": "a certificate looks the same",
    "BASE64 encoded PEM Private Key": "whole files only, see below",
    "Grafana Provisioned API Key": "any JSON in base64 looks so; see below",
    "Jira / Confluence PAT token": TOO_PLAIN,
    "Dropbox API secret (long term)": TOO_PLAIN,
    "Dropbox App secret": TOO_PLAIN,
    "NKEY Seed": TOO_PLAIN,
    "OTP / 2FA Secret": TOO_PLAIN,
    "Composio Credentials": TOO_PLAIN,
    "Telegram Bot API Token": "looks like any number and word; see below",
    "MailChimp API Key": "the issuer's are lower case; see below",
    "Basic Authorization": "a word of prose without its header; see below",
    "CURL Options": "the constants of a library's C interface",
    "CMD ConvertTo-SecureString": OF_WINDOWS,
    **dict.fromkeys(("CURL User Password", "CMD Password", "CMD Token"), "see below"),
    **dict.fromkeys(("CMD Secret", "SQL Password", "URL Credentials"), "see below"),
}
PUBLIC = re.compile(
    "pk_(live|test)_|phc_|AC[0-9A-Fa-f]{32}|00D[0-9A-Za-z]{9,15}$"
)  # are no secrets


class Rule(NamedTuple):
    """A kind of token, by its name, and the expression that finds it."""

    name: str
    expression: re.Pattern[str]


@cache
def rules() -> list[Rule]:
    """The kinds on the list; none where it is not installed."""
    try:
        place = distribution("credsweeper").locate_file("credsweeper/rules/config.yaml")
    except PackageNotFoundError:
        return []
    listed = yaml.safe_load(Path(str(place)).read_text(encoding="utf-8"))
    return [
        Rule(rule["name"], re.compile(rule["values"][0]))
        for rule in listed
        if rule["type"] in ("pattern", "multi") and rule["target"] != ["doc"]
    ]


needs_the_list = pytest.mark.skipif(
    not rules(), reason="credsweeper is not installed: tests/install_tools.sh"
)


@needs_the_list
@pytest.mark.parametrize(
    "rule", [rule for rule in rules() if rule.name not in LEFT_OUT], ids=lambda rule: rule.name
)
def test_what_is_on_the_list_is_masked(rule: Rule) -> None:
    tried = 0
    for match in texts_for(rule.expression, TEXTS):
        if PUBLIC.match(match["value"]):
            continue
        tried += 1
        told = match[0] if match.groupdict().get("variable") else f" {match['value']} "
        assert match["value"] not in SecretMasker().mask_text(told)
    assert tried


@needs_the_list
def test_what_is_left_out_is_on_the_list() -> None:
    assert LEFT_OUT.keys() <= {rule.name for rule in rules()}


A36 = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dF3hJ5"
HEX32 = "8ad16b3c0f2b4a5d9e7c6b5a4f3e2d1c"
KEY_FILE = b64encode(
    f"-----BEGIN EC PRIVATE KEY-----\n{A36}\n-----END EC PRIVATE KEY-----".encode()
)
PUTTY = f"PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\n{A36}\nPrivate-MAC: 0a1b\n"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"mail {HEX32}-us12 ", HEX32),
        (f"bot 123456789:AAH{A36[:32]} ", A36[:32]),
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA"),
        (f"grafana eyJrIjoi{A36}{A36} ", A36),
        (f"client-key-data: {KEY_FILE.decode()}\n", KEY_FILE.decode()[60:]),
        (PUTTY, A36),
        ("curl -sS -u admin:tr0ub4dor https://example.org", "tr0ub4dor"),
        ("+ curl --user='me:correct-horse' http://localhost", "correct-horse"),
        ("mysql --user root --password=Tr0ub4dor&3 app", "Tr0ub4dor&3"),
        ("tool --api-token Tr0ub4dor3 --quiet", "Tr0ub4dor3"),
        ("CREATE USER a IDENTIFIED BY 'open-sesame';", "open-sesame"),
        ("ALTER ROLE a WITH PASSWORD 'open-sesame'", "open-sesame"),
        ("export DB_PASSWORD='tr0ub4dor&3'", "tr0ub4dor&3"),
        ('{"clientSecret": "s8fj2k49dkfj", "id": 1}', "s8fj2k49dkfj"),
        ('{\\"api_key\\": \\"s8fj2k49dkfj\\"}', "s8fj2k49dkfj"),
        ("private-key: b'0a1b2c3d4e'", "0a1b2c3d4e"),
        (f"//registry.example.org/:_authToken={HEX32}", HEX32),
        (f"AccountName=a;AccountKey={A36}==;", A36),
        (f"\x1b[32mghp_{A36}\x1b[0m", A36),
        (f'"first\\nsk_live_{A36}"', A36),
        (f"?next=%2Fghp_{A36}", A36),
    ],
)
def test_what_is_given_away_by_what_stands_around_it(text: str, secret: str) -> None:
    assert secret not in SecretMasker().mask_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "password: required, 8 characters at least",
        "token = tokens[index1]",
        "secret = read_secret1()",
        "key = settings1.key2value",
        "password=$DB_PASSWORD1 token=${TOKEN2_VALUE} secret=<your-secret-1> key=%KEY1_VALUE%",
        "password = ./secrets/file1.txt",
        "token: https://example.org/oauth2/token1",
        "max_tokens=12345678 total tokens: 12345678",
        "docker run -u 1000:1000 image; rsync -u host:path1 .",
        "patched 1 file; key-value store; SKU 12345678; NO.1234567.abcdef",
        "data:application/json;base64,eyJ2ZXJzaW9uIjozLCJzb3VyY2VzIjpbXX0=",
        "4c8a1f09b7d3e25a60f1c2d3e4f5a6b7-us-east and --user-agent-string-of-some-length",
        "| 123456789012 | aBcDeFgHiJkLmNoPqRsTuVwX |",
    ],
)
def test_what_only_stands_beside_such_a_name_stays(text: str) -> None:
    assert SecretMasker().mask_text(text) == text
