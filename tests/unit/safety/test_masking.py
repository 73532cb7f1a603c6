"""Secrets are masked, wherever the output is cut, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowd.safety.masking import SecretMasker, make_masker_for
from flowproto.environment import looks_secret

VALUE = "s3cr3t-ab12cd34ef56"
BODY = "MIIEpAIBAAKCAQEA7bq0Zr1+/x9K2vJ8mQw5Y3nT6uH4cE1sLdPfGaRkXoWiVyBj"
KEY = (
    "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0A1B\n\n"
    + f"{BODY}\n" * 25
    + "-----END RSA PRIVATE KEY-----"
)
A36 = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dF3hJ5"
# What is written, and the part of it that must be nowhere.
SECRETS = {
    "value": (f"kept ({VALUE})", VALUE),
    "aws id": ("id AKIAIOSFODNN7EXAMPLE ", "IOSFODNN7EXAMPLE"),
    "aws key": (
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ),
    "aws key of sts": (
        '"SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",',
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ),
    "github": (f"ghp_{A36}\n", A36),
    "github fine": (f"github_pat_11ABCDEFG0_{A36} ", A36),
    "gitlab": (f"glpat-{A36[:20]} ", A36[:20]),
    "slack": ("xoxb-123456789012-1234567890123-abcdEFGHijklMNOP ", "abcdEFGHijklMNOP"),
    "slack hook": (
        "https://hooks.slack.com/services/T0000/B0000/abcdEFGHijklMNOPqrstUVWX ",
        "abcdEFGHijklMNOPqrstUVWX",
    ),
    "stripe": (f"sk_live_{A36} ", A36),
    "openai": (f"sk-proj-{A36} ", A36),
    "google": (f"AIza{A36[:35]} ", A36[:35]),
    "npm": (f"npm_{A36} ", A36),
    "pypi": (f"pypi-AgEIcHlwaS5vcmcC{A36}{A36} ", A36),
    "jwt": (f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.{A36} ", A36),
    "bearer": (f"> Authorization: Bearer {A36}\n", A36),
    "bearer alone": (f"bearer {A36}\n", A36),
    "basic": ('"Authorization": "Basic dXNlcjpwYXNzd29yZA=="', "dXNlcjpwYXNzd29yZA"),
    "url": ("postgres://app:hunter22@db.example.org/x ", "hunter22"),
    "key": (f"{KEY}\n", BODY),
    "key in json": (KEY.replace("\n", "\\n") + '"', BODY),
    "key of openssh": (KEY.replace("RSA", "OPENSSH") + "\n", BODY),
    "key that is cut": (KEY[:900] + "\n'", BODY),
}


def masked_in_pieces(masker: SecretMasker, data: bytes, cuts: list[int]) -> list[bytes]:
    """Take data in as it becomes known, as the engine does: what is held back comes again."""
    kept, offset = [], 0
    for end in [*cuts, len(data)]:
        seen = min(offset, 512)
        out, taken = masker.mask(data[offset - seen : end], seen, more=end < len(data))
        kept.append(out)
        offset += taken
    assert offset == len(data)
    return kept


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_masked_wherever_it_is_cut(name):
    written, secret = SECRETS[name]
    data = f"before {written}after it\n".encode()
    masker = SecretMasker([VALUE.encode()])
    for cut in range(len(data)):
        pieces = masked_in_pieces(masker, data, [cut])
        whole = b"".join(pieces).decode()
        assert secret not in whole, cut
        assert secret[4:] not in whole, cut
        assert secret[: len(secret) // 2] not in whole, cut
        assert "***" in whole
        assert whole.startswith("before ")
        assert whole.endswith("after it\n")


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_that_trickles_in_is_masked(name):
    written, secret = SECRETS[name]
    data = f"before {written}after it\n".encode()
    pieces = masked_in_pieces(SecretMasker([VALUE.encode()]), data, list(range(1, len(data))))
    whole = b"".join(pieces).decode()
    assert secret[4:] not in whole
    assert whole.startswith("before ")
    assert whole.endswith("after it\n")


@pytest.mark.parametrize(
    "text",
    [
        "task-force ask-me-anything-about-this-and-that-please",
        "see https://example.org:8080/a?b=c@d and http://localhost:3000\n",
        "commit 8ad16b3c0f2b4a5d9e7c6b5a4f3e2d1c0b9a8f7e",
        "the bearer of this letter is to be paid; basic understanding of tokens",
        "ghp_short eyJ AKIA npm_config_cache sk-learn hf_hub",
        "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
        "git@github.com:someone/something.git user@host:/path",
        "\x1b[31mred\x1b[0m \x00\xff",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text):
    data = text.encode(errors="surrogateescape")
    assert SecretMasker([VALUE.encode()]).mask(data, 0, more=False) == (data, len(data))


@pytest.mark.parametrize(
    "prompt",
    ["Password: ", "Continue? [y/N] ", "> ", "listening on http://localhost:3000", "s3c", "12:30"],
)
def test_a_prompt_is_not_held_back(prompt):
    data = prompt.encode()
    assert SecretMasker([VALUE.encode()]).mask(data, 0, more=True) == (data, len(data))


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=4))
def test_without_secrets_every_byte_is_kept(data, cuts):
    cuts = sorted(min(cut, len(data)) for cut in cuts)
    masker = SecretMasker()
    assert b"".join(masked_in_pieces(masker, data, cuts)) == masker.mask(data, 0, more=False)[0]


@given(
    st.lists(st.sampled_from([VALUE, "s3c", "s3cr", "cr3t", " ", "x", "-"]), max_size=12),
    st.lists(st.integers(0, 120), max_size=6),
)
def test_a_value_is_never_kept_whole(parts, cuts):
    data = "".join(parts).encode()
    cuts = sorted(min(cut, len(data)) for cut in cuts)
    kept = b"".join(masked_in_pieces(SecretMasker([VALUE.encode()]), data, cuts))
    assert VALUE.encode() not in kept
    assert VALUE[4:].encode() not in kept


def test_what_is_held_back_is_bounded():
    """An endless line of what could be a secret does not wait for its end."""
    masker = SecretMasker()
    for beginning in ("ghp_", "eyJ", "-----BEGIN PRIVATE KEY-----\n", "://user:", "Bearer "):
        data = (beginning + "a" * 65_536).encode()
        _, taken = masker.mask(data, 0, more=True)
        assert len(data) - taken <= 20_480, beginning


def test_which_variables_are_looked_for():
    masker_for = make_masker_for(
        looks_secret, {"DEPLOY_TOKEN": "of-the-daemon", "HOME": "/home/me"}
    )
    given_ = {
        "API_KEY": "of-the-step",
        "PLAIN": "plain-value",
        "PASSWORD": "short",
        "TLS_KEY": "first-line-of-it\r\nsecond-line-of-it\n",
        "KEY_PATH": "/home/me/key",
    }
    told = masker_for(given_).mask_text(
        "of-the-daemon of-the-step plain-value short first-line-of-it /home/me second-line-of-it"
    )
    assert told == "*** *** plain-value short *** /home/me ***"
    assert masker_for({}).mask_text("of-the-step of-the-daemon") == "of-the-step ***"
    assert masker_for({}) is masker_for({"PLAIN": "x"})


def test_a_value_for_later_scripts_has_a_mask_that_no_shell_expands():
    assert SecretMasker([b"hidden-word"]).mask_value("a hidden-word") == "a <hidden>"


def test_a_text_that_is_no_text_is_kept():
    assert SecretMasker().mask_text("\udcff ghp_" + A36) == "\udcff ***"


@pytest.mark.parametrize(
    "value",
    ["hB7kQ2mZ9xW4vT1nR8pL5cD3", "dGhpc0lzQVNlY3JldDEyMzQ1Njc4OTA=", "AbCd1234/EfGh5678IjKl9012mN"],
)
def test_a_drawn_value_is_a_secret_whatever_its_name(value):
    masker_for = make_masker_for(lambda _: False, {"PLAIN": value})
    assert masker_for({}).mask_text(f"a {value} b") == "a *** b"
    assert make_masker_for(lambda _: False, {})({"x": value}).mask_text(value) == "***"


@pytest.mark.parametrize(
    "value",
    [
        "d670460b4b4aece5915caf5c68d12f560a9fe3e4",  # a commit
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "/usr/local/lib/Python3.11/site-packages/Xyz",
        "https://Example.org/Path1/AbCdEfGhIjKl",
        "some-long-branch-name-of-somebody-42",
        "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101",
        "AbCdEfGh12345678",
    ],
)
def test_what_only_looks_a_little_like_one_is_shown(value):
    assert make_masker_for(lambda _: False, {"PLAIN": value})({}).mask_text(value) == value


def test_all_of_secret_variables_is_masked():
    masker = make_masker_for(lambda _: False, {})({"plain": "kept-as-it-is"}, {"plain": "dogs and"})
    assert masker.mask_text("cats, dogs and kept-as-it-is") == "cats, *** kept-as-it-is"


@pytest.mark.parametrize(
    "prefix",
    [
        "dckr_pat_",
        "shpat_",
        "lin_api_",
        "gsk_",
        "r8_",
        "glsa_",
        "glrt-",
        "tskey-auth-",
        "NRAK-",
        "dp.pt.",
        "ATATT3xFfGF0",
    ],
)
def test_tokens_of_other_makers(prefix):
    token = prefix + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dF3hJ5" * 3
    assert SecretMasker().mask_text(f"use {token} now") == "use *** now"
    assert SecretMasker().mask_text(f"use {prefix}name now") == f"use {prefix}name now"
