"""What secrets look like whose values nobody knows: a table.

Sources: what their issuers say of their tokens; RFC 7519 (JWT), RFC 7617 and 6750 (Basic, Bearer),
RFC 3986 section 3.2.1 (passwords in URLs), RFC 7468 (private keys). Which issuers there are is
checked against a list that others keep, CredSweeper's (`tests/unit/safety/test_token_list.py`):
what is in it and not found here fails the test.

A token has at least so many characters after its prefix, so that prose about one is left alone.
"""

import base64

from flowd.safety.tokens import AFTER_AN_ESCAPE, Finder, Kind, Place, token

# How many characters follow at least, of what class, and what they follow.
_PREFIXES: tuple[tuple[int, bytes, str], ...] = (
    # GitHub, npm, Hugging Face
    (30, rb"\w.-", "ghp_ gho_ ghu_ ghr_ npm_ hf_"),
    (20, rb"\w.-", "ghs_ github_pat_"),
    # GitLab: people, machines, sessions
    (20, rb"\w.-", "glpat- gldt- glrt- glrtr- glptt- glft- glffct- glagent- glsoat- gloas- glcbt-"),
    (20, rb"\w.-", "glimt- glwt- _gitlab_session= GR1348941"),
    # Stripe, Square, PayPal, Shopify
    (20, rb"\w", "sk_live_ rk_live_ sk_test_ rk_test_ whsec_"),
    (60, rb"\w-", "EAAA"),
    (40, rb"\w$", "access_token$production$ access_token$sandbox$"),
    (24, rb"\w-", "shpat_ shpca_ shppa_ shpss_ shptka_"),
    # Slack and Discord: bots, and the addresses that post
    (10, rb"\w%/+.-", "xapp-"),
    (20, rb"\w/", "hooks.slack.com/services/ hooks.slack.com/workflows/ hooks.slack.com/triggers/"),
    (20, rb"\w/-", "discord.com/api/webhooks/ discordapp.com/api/webhooks/"),
    (20, rb"\w/@-", "webhook.office.com/webhookb2/"),
    # Amazon, Google, Azure, Alibaba, Yandex's neighbours
    (16, rb"A-Z0-9", "AKIA ASIA ABIA ACCA"),
    (28, rb"\w/+=", "ABSK bedrock-api-key-"),
    (26, rb"a-z0-9", "da2-"),
    (32, rb"\w-", "amzn.mws. dnkey- akab-"),
    (35, rb"\w-", "AIza"),
    (28, rb"\w-", "GOCSPX-"),
    (20, rb"\w.-", "ya29."),
    (60, rb"\w-", "1//0"),
    (12, rb"0-9A-Za-z", "LTAI"),
    # models
    (20, rb"\w-", "sk- xai- tvly- llx- pplx- tgp_v1_"),
    (20, rb"\w-", "gsk_ r8_"),
    # builds, clouds, deployments
    (24, rb"\w-", "dckr_pat_ dckr_oat_"),
    (43, rb"\w-", "SWMTKN-1- SWMKEY-1-"),
    (32, rb"\w", "dop_v1_ doo_v1_ dor_v1_ dos_v1_"),
    (32, rb"\w.", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit."),
    (60, rb"\w-", "CCIPAT_"),
    (36, rb"\w-", "HRKU- waka_ RGAPI-"),
    (36, rb"\w", "vcp_ nfp_ vercel_blob_rw_ cfat_ cfut_ cfk_"),
    (40, rb"0-9a-f", "pul- sqa_ sqp_ squ_ rubygems_ CLOJARS_"),
    (32, rb"0-9a-z", "dapi key- cosmo_"),
    (43, rb"a-z0-9", "oy2"),
    (24, rb"\w.-", "hvs. hvb. hvr."),
    (50, rb"\w-", "AKCp cmVmdGtu"),
    (50, rb"\w-", "pypi- ops_eyJ"),
    (50, rb"A-Z0-9", "AGE-SECRET-KEY-"),
    (32, rb"\w.-", "pscale_tkn_ pscale_pw_ pscale_oauth_"),
    (20, rb"\w-", "tskey-"),
    (24, rb"\w-", "sbp_"),
    # services
    (32, rb"\w.-", "SG."),
    (64, rb"\w.-", "sl."),
    (24, rb"\w-", "lin_api_ ntn_ sgp_ figd_ glc_ glsa_ sntrys_ sntryu_ PMAK-"),
    (19, rb"\w-", "NRAK- NRII- NRBR- NRJS- PMAT- CFPAT-"),
    (40, rb"\w", "phx_ phs_ pha_ phr_"),
    (40, rb"\w-", "tfp_ nyk_v0_ xkeysib- xsmtpsib- eyJrIjoi"),
    (80, rb"\w=-", "ATATT3 ATCTT3"),
    (28, rb"A-Za-z0-9", "ATBB"),
    (40, rb"\w-", "BBDC-"),
    (80, rb"\w", "EAA"),
    (60, rb"\w=-", "IGQVJ"),
    (24, rb"\w.", "3MVG"),
    # tokens of no one issuer
    (
        15,
        rb"\w.-",
        "v1.local. v2.local. v3.local. v4.local. v1.public. v2.public. v3.public. v4.public.",
    ),
    (
        15,
        rb"\w.-",
        "k1.local. k2.local. k3.local. k4.local. k1.local-pw. k2.local-pw. k3.local-pw.",
    ),
    (15, rb"\w.-", "k4.local-pw. k1.secret. k2.secret. k3.secret. k4.secret. k1.secret-pw."),
    (15, rb"\w.-", "k2.secret-pw. k3.secret-pw. k4.secret-pw."),
    (28, rb"\w=/+-", "TlRMTVNTUAAB TlRMTVNTUAAC TlRMTVNTUAAD"),
    (40, rb"A-Za-z0-9%", "AAAAAAAAAAAAAAAAAAAAA"),
)
_MOST = 1024  # characters of a token


def _around(
    word: bytes, whole: bytes, begun: bytes, place: Place = "long word", least: int = 0
) -> Kind:
    """Give a kind that is told by something within it."""
    return Kind((word,), whole, begun + rb"\Z", place, least=least)


_JSON_BEGINS = b"(?:(?<![\\w+/-])|%b)eyJ" % AFTER_AN_ESCAPE
_KEY_BODY = rb"(?:[A-Za-z0-9+/=\\\s:,.]|-(?!----)){0,16384}"
_KEY_NAMES = b"|RSA |EC |DSA |OPENSSH |ENCRYPTED ".split(b"|")
_KEYS_IN_BASE64 = [
    base64.b64encode(b"-----BEGIN %bPRIVATE KEY-----" % name)[:-6] for name in _KEY_NAMES
]
_AWS_NAME = rb"(?i:aws_?secret_?access_?key|SecretAccessKey)[\"']?\s{0,8}[:=]?\s{0,8}[\"']?"
_URL_USER = rb"://[^\s/:@?#\"'<>]{0,256}:"
_SCHEME = (
    rb"(?i:authorization)[\"']?\s{0,8}[:=]\s{0,8}[\"']?(?:[Bb]asic|[Bb]earer|[Tt]oken)[ \t]{1,8}"
)
_BEARER = rb"(?i:\bbearer|\bntlm)[ \t]{1,8}"
_BASE64 = rb"[A-Za-z0-9._~+/=-]"
_OF_AZURE = rb"(?:AccountKey|SharedAccessKey|SharedSecret)="

# A value that a name in front of it gives away: `DB_PASSWORD=…`, `"apiKey": "…"`, `--token …`. It
# has a digit and a letter, and is no call, path, variable or placeholder.
_NAMES = b"password passwd passphrase pwd secret token credential".split()
_ENDING = rb"(?i:s|[_-]?(?:key|access[_-]?key|value))?"
_WHOSE_KEY = b"|".join(
    b"(?<=%b)" % (whose + between)
    for whose in (b"api", b"access", b"auth", b"private", b"secret", b"account")
    for between in (b"", b"_", b"-")
)
_IS = rb"\\{0,2}[\"']?[ \t]{0,8}(?:=>|:=|[=:])[ \t]{0,8}(?:[a-z]?\\{0,2}[\"'])?"
_NO_END = rb"[^\s\"'`<>{}$,;|()\[\]\\]"
_VALUE = (
    rb"(?![./~]|https?:)(?=[A-Za-z_!@#%^&*+=?-]{0,512}[0-9])(?=[0-9_!@#%^&*+=?-]{0,512}[A-Za-z])("
    + _NO_END
    + rb"{8,512}+)(?![(\[])"
)
_CURL_USER = rb"\bcurl\b[^\n]{0,400}?\s--?(?:u|user|proxy-user)[ =]?[\"']?[^\s:\"'/]{1,64}:"


def _named(word: bytes, before: bytes, after: bytes) -> Kind:
    """Give the kind of a value with this name, or of the argument of an option with it."""
    told = b"(?:%b)(?i:%b)%b(?:%b|%b)" % (before, word, after, _IS, rb"(?<=-%b)[ =][\"']?" % word)
    return Kind(
        (word,),
        told + _VALUE,
        told + _NO_END + rb"{1,512}\Z",
        "any case",
        at_word=True,
    )


KINDS = (
    *(
        token(listed.encode().split(), of, least, max(_MOST, least))
        for least, of, listed in _PREFIXES
    ),
    Kind(
        (b"eyJ",),
        _JSON_BEGINS + rb"[\w=+/-]{8,2048}+(?:\.[\w=+/-]{0,8192}+){2,4}",
        _JSON_BEGINS + rb"[\w=+/-]{0,2048}+(?:\.[\w=+/-]{0,8192}+){0,2}\Z",
        "text",
        at_word=True,
    ),
    Kind(
        (b"-----BEGIN ",),
        (
            rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
            + _KEY_BODY
            + rb"(?:-----END [A-Z0-9 ]{0,40}-----)?"
        ),
        (
            rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-{0,4}\Z"
            rb"|-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
            + _KEY_BODY
            + rb"-{1,5}(?:END [A-Z0-9 ]{0,40}-{0,4})?\Z"
        ),
        "text",
    ),
    _around(
        b"Private-Lines: ",  # of PuTTY
        rb"Private-Lines: [0-9]{1,4}\r?\n([A-Za-z0-9+/=\r\n]{16,16384})",
        rb"Private-Lines: [0-9]{1,4}\r?\n[A-Za-z0-9+/=\r\n]{0,16384}",
        "text",
    ),
    # As a cluster's settings have it: base64 around the whole file.
    *(
        _around(word, word + rb"[\w+/=]{0,20000}", word + rb"[\w+/=]{0,20000}")
        for word in _KEYS_IN_BASE64
    ),
    *(
        _around(
            name,
            _AWS_NAME + rb"([A-Za-z0-9/+]{40})",
            _AWS_NAME + rb"[A-Za-z0-9/+]{0,39}",
            "text",
        )
        for name in (b"aws_secret_access_key", b"AWS_SECRET_ACCESS_KEY", b"SecretAccessKey")
    ),
    *(
        _around(name, _OF_AZURE + rb"([\w+/=]{20,128})", _OF_AZURE + rb"[\w+/=]{0,128}")
        for name in (b"AccountKey=", b"SharedAccessKey=", b"SharedSecret=")
    ),
    _around(b"8Q~", rb"(?<![\w~.-])[\w~.-]{3}8Q~[\w~.-]{31,37}", rb"[\w~.-]{3}8Q~[\w~.-]{0,37}"),
    _around(
        b"JQQJ9",
        rb"[0-9A-Za-z+/]{52}JQQJ9[\w+/]{27,31}={0,2}",
        rb"[0-9A-Za-z+/]{52}JQQJ9[\w+/=]{0,33}",
        "text",
    ),
    _around(
        b".atlasv1.", rb"[\w-]{14}\.atlasv1\.[\w-]{60,80}", rb"[\w-]{14}\.atlasv1\.[\w-]{0,80}"
    ),
    _around(b"xox", rb"xox[a-z][.-][\w%/+.-]{10,512}", rb"xox[a-z][.-][\w%/+.-]{0,9}", "text"),
    _around(b"sq0", rb"sq0[a-z]{3}-[\w-]{22,64}", rb"sq0[a-z]{3}-[\w-]{0,21}"),
    _around(
        b"dt0",
        rb"dt0[a-z][0-9]{2}\.[0-9A-Z]{24}\.[0-9A-Z]{64}",
        rb"dt0[a-z][0-9]{2}\.[0-9A-Z]{0,24}(?:\.[0-9A-Z]{0,63})?",
    ),
    _around(b"SK", rb"(?<!\w)SK[0-9A-Fa-f]{32}(?!\w)", rb"(?<!\w)SK[0-9A-Fa-f]{4,32}"),
    _around(
        b"pat",
        rb"(?<!\w)pat[0-9A-Za-z]{14}\.[0-9a-f]{64}(?!\w)",
        rb"(?<!\w)pat[0-9A-Za-z]{14}\.[0-9a-f]{0,64}",
        least=82,
    ),
    _around(b"NRAL", rb"[0-9a-z]{5}[0-9a-f]{31}NRAL", rb"[0-9a-z]{5}[0-9a-f]{31}N?R?A?"),
    _around(b"00D", rb"(?<!\w)00D\w{9,15}![\w.]{24,200}", rb"(?<!\w)00D\w{9,15}![\w.]{0,200}"),
    _around(
        b"|",
        rb"(?<!\w)[0-9]{12,18}\|[\w-]{24,28}(?![\w-])",
        rb"(?<!\w)[0-9]{12,18}\|[\w-]{0,28}",
        least=37,
    ),
    _around(
        b"-us", rb"(?<!\w)[0-9a-z]{32}-us[0-9]{1,2}(?!\w)", rb"(?<!\w)[0-9a-z]{32}-us[0-9]{0,2}"
    ),
    _around(
        b"-",
        rb"(?<!\w)[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}(?![\w-])",
        rb"(?<!\w)[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{0,8}",
        least=50,
    ),
    _around(
        b":AA", rb"(?<!\d)[0-9]{8,10}:AA[\w-]{33}(?![\w-])", rb"(?<!\d)[0-9]{8,10}:AA[\w-]{0,33}"
    ),
    _around(
        b".",
        rb"(?<!\w)[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,40}(?![\w-])",
        rb"(?<!\w)[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{0,40}",
        least=59,
    ),
    Kind(
        (b"://",),
        _URL_USER + rb"([^\s/@\"'<>]{1,512})@",
        # A port is let through: it is not to wait until the next line.
        _URL_USER + rb"(?!\d{0,5}\Z)[^\s/@\"'<>]{0,512}\Z",
        "text",
    ),
    _around(b"uthorization", _SCHEME + rb"([^\s\"']{8,4096})", _SCHEME + rb"[^\s\"']{0,7}", "text"),
    *(
        _around(
            sign,
            _BEARER + rb"(?=[^\s]{0,4096}\d)(" + _BASE64 + rb"{16,4096})",
            _BEARER + _BASE64 + rb"{0,4096}",
            "text",
        )
        for sign in (b"earer ", b"ntlm ", b"NTLM ")
    ),
    _around(b"curl", _CURL_USER + rb"([^\s\"']{3,256})", _CURL_USER + rb"[^\s\"']{0,256}", "text"),
    *(
        _around(
            word,
            rb"(?i:identified[ \t]+by|password)[ \t]+'([^'\n]{4,128})'",
            rb"(?i:identified[ \t]+by|password)[ \t]+'[^'\n]{1,128}",
            "text",
        )
        for word in (b"IDENTIFIED BY '", b"identified by '", b"PASSWORD '", b"password '")
    ),
    *(_named(name, b"", _ENDING) for name in _NAMES),
    _named(b"key", b"(?i:%b)" % _WHOSE_KEY, b""),
)
FINDER = Finder(KINDS)
