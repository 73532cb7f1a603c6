"""What secrets look like whose values nobody knows: prefixes as their issuers document them.

Sources: the documentation of AWS (unique identifiers of IAM), GitHub, GitLab, Slack, Stripe,
Google, npm, PyPI, SendGrid, Hugging Face, DigitalOcean, Vault, age, OpenAI and Anthropic on their
tokens; RFC 7519 (JWT), RFC 7617 and 6750 (Basic, Bearer), RFC 3986 section 3.2.1 (passwords in
URLs), RFC 7468 (private keys). A token has at least `least` characters after its prefix, so that
prose about one is left alone.

Looking for a few fixed words is several times faster than one expression for all of them, and most
output has none of the words: `kinds_in` comes first.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_WINDOW = 20_480  # at the end of a piece, in which a beginning may stand: the longest secret fits


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of secret.

    It can only be there with one of `words`, each of which has `sign` in it. `whole` finds it;
    group 1, if there is one, is the secret in it. `begun` finds one that the end of the data cut.
    """

    sign: bytes
    words: tuple[bytes, ...]
    whole: re.Pattern[bytes]
    begun: re.Pattern[bytes]

    def spans(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Give where secrets of this kind stand."""
        group = self.whole.groups and 1
        for match in self.whole.finditer(data):
            yield match.span(group)

    def beginning(self, data: bytes) -> int:
        """Give where one has begun that the end has cut; the end when none has."""
        match = self.begun.search(data, max(0, len(data) - _WINDOW))
        return len(data) if match is None else match.start()


def _token(sign: bytes, *words: bytes, of: bytes = rb"\w", least: int, most: int = 512) -> Kind:
    """A prefix, then characters `of` a class, at least and at most so many."""
    # What stands before is looked at last: expressions that begin with letters are found fast.
    each = [b"%b(?<![A-Za-z0-9]%b)" % (word, word) for word in map(re.escape, words)]
    prefix = each[0] if len(each) == 1 else b"(?:" + b"|".join(each) + b")"
    return Kind(
        sign,
        words,
        re.compile(prefix + b"[%b]{%d,%d}" % (of, least, most)),
        re.compile(prefix + b"[%b]{0,%d}\\Z" % (of, least - 1)),
    )


_KEY_BODY = rb"(?:[A-Za-z0-9+/=\\\s:,.]|-(?!----)){0,16384}"
_AWS_NAME = rb"(?i:aws_?secret_?access_?key|SecretAccessKey)[\"']?\s{0,8}[:=]?\s{0,8}[\"']?"
_URL_USER = rb"://[^\s/:@?#\"'<>]{0,256}:"
_SCHEME = (
    rb"(?i:authorization)[\"']?\s{0,8}[:=]\s{0,8}[\"']?(?:[Bb]asic|[Bb]earer|[Tt]oken)[ \t]{1,8}"
)
_BEARER = rb"(?i:\bbearer)[ \t]{1,8}"
_BASE64 = rb"[A-Za-z0-9._~+/=-]"

# As their makers document them: Docker, Shopify, Linear, Notion, Sourcegraph, Figma, Stripe's web
# hooks, Grafana, RubyGems, Groq, Replicate, Netlify, Postman, Sentry, Supabase, Vercel; GitLab for
# machines, New Relic, Tailscale, Perplexity, Contentful, Planetscale.
_WITH_UNDERSCORE = (
    b"dckr_pat_ shpat_ shpca_ shppa_ shpss_ lin_api_ ntn_ sgp_ figd_ whsec_ glc_ glsa_ rubygems_"
    b" gsk_ r8_ nfp_ PMAK_ sntrys_ sntryu_ sbp_ vercel_blob_rw_ pscale_tkn_ pscale_pw_"
)
_WITH_HYPHEN = b"gldt- glrt- glptt- glft- glagent- NRAK- NRII- tskey- pplx- CFPAT- PMAK-"

KINDS = (
    _token(b"IA", b"AKIA", b"ASIA", of=rb"A-Z0-9", least=16),
    _token(b"AIza", b"AIza", of=rb"\w-", least=35),
    _token(b"_", b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", least=36),
    _token(b"_", b"github_pat_", least=22),
    _token(b"_", b"sk_live_", b"rk_live_", b"sk_test_", b"rk_test_", least=20),
    _token(b"_", b"npm_", b"hf_", b"dop_v1_", least=32),
    _token(b"_", *_WITH_UNDERSCORE.split(), of=rb"\w-", least=24),
    _token(b"-", *_WITH_HYPHEN.split(), of=rb"\w-", least=20),
    _token(b"ATATT3", b"ATATT3", of=rb"\w=-", least=80),
    _token(b".", b"dp.pt.", b"dp.st.", b"dp.ct.", of=rb"\w.", least=32),
    _token(b"-", b"glpat-", of=rb"\w.-", least=20),
    _token(
        b"-",
        b"xoxb-",
        b"xoxp-",
        b"xoxa-",
        b"xoxr-",
        b"xoxs-",
        b"xoxe-",
        b"xoxc-",
        b"xoxd-",
        b"xapp-",
        of=rb"\w%/+-",
        least=10,
    ),
    _token(b"-", b"sk-", of=rb"\w-", least=20),
    _token(b"-", b"pypi-", of=rb"\w-", least=50),
    _token(b"-", b"AGE-SECRET-KEY-", of=rb"A-Z0-9", least=50),
    _token(b".", b"SG.", of=rb"\w.-", least=60),
    _token(b".", b"hvs.", b"hvb.", b"ya29.", of=rb"\w.-", least=24, most=1024),
    _token(b"/services/", b"hooks.slack.com/services/", of=rb"\w/", least=20),
    Kind(
        b"eyJ",
        (b"eyJ",),
        re.compile(rb"eyJ(?<![A-Za-z0-9]eyJ)[\w-]{8,4096}\.eyJ[\w-]{8,8192}\.[\w-]{0,2048}"),
        re.compile(rb"eyJ(?<![A-Za-z0-9]eyJ)[\w-]{0,4096}(?:\.[\w-]{0,8192})?\Z"),
    ),
    Kind(
        b"PRIVATE KEY",
        (b"-----BEGIN ",),
        re.compile(
            rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
            + _KEY_BODY
            + rb"(?:-----END [A-Z0-9 ]{0,40}-----)?"
        ),
        re.compile(
            rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-{0,4}\Z"
            rb"|-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
            + _KEY_BODY
            + rb"-{1,5}(?:END [A-Z0-9 ]{0,40}-{0,4})?\Z"
        ),
    ),
    Kind(
        b"_",
        (b"aws_secret_access_key", b"AWS_SECRET_ACCESS_KEY"),
        re.compile(_AWS_NAME + rb"([A-Za-z0-9/+]{40})"),
        re.compile(_AWS_NAME + rb"[A-Za-z0-9/+]{0,39}\Z"),
    ),
    Kind(
        b"SecretA",
        (b"SecretAccessKey",),
        re.compile(_AWS_NAME + rb"([A-Za-z0-9/+]{40})"),
        re.compile(_AWS_NAME + rb"[A-Za-z0-9/+]{0,39}\Z"),
    ),
    Kind(
        b"://",
        (b"://",),
        re.compile(_URL_USER + rb"([^\s/@\"'<>]{1,512})@"),
        # A port is let through: it is not to wait until the next line.
        re.compile(_URL_USER + rb"(?!\d{0,5}\Z)[^\s/@\"'<>]{0,512}\Z"),
    ),
    Kind(
        b"uthorization",
        (b"uthorization",),
        re.compile(_SCHEME + rb"([^\s\"']{8,4096})"),
        re.compile(_SCHEME + rb"[^\s\"']{0,7}\Z"),
    ),
    Kind(
        b"earer ",
        (b"earer ",),
        re.compile(_BEARER + rb"(?=[^\s]{0,4096}\d)(" + _BASE64 + rb"{16,4096})"),
        re.compile(_BEARER + _BASE64 + rb"{0,4096}\Z"),
    ),
)

_BY_SIGN = tuple(
    (sign, tuple((word, kind) for kind in KINDS if kind.sign == sign for word in kind.words))
    for sign in dict.fromkeys(kind.sign for kind in KINDS)
)
_ANY_SIGN = re.compile(b"|".join(re.escape(sign) for sign, _ in _BY_SIGN))


def kinds_in(data: bytes) -> list[Kind]:
    """Give the kinds that are worth looking closer for."""
    if _ANY_SIGN.search(data) is None:  # the usual short output has none
        return []
    found: dict[int, Kind] = {}
    for sign, words in _BY_SIGN:
        if sign in data:
            for word, kind in words:
                if word in data:
                    found[id(kind)] = kind
    return list(found.values())
