"""How people speak of many files at once. Data for `find_task.py`."""

import re
from typing import Literal

from flowd.suggest.text import concepts

Action = Literal[
    "list", "details", "count", "delete", "copy", "move", "mode", "owner", "search", "replace",
    "count_lines", "count_lines_each", "count_words", "compress", "uncompress", "archive",
    "checksum", "total_size", "sort_size", "sort_time", "show", "run",
]  # fmt: skip


def _any(pattern: str) -> re.Pattern[str]:
    """Compile a pattern written over several lines, for any case."""
    return re.compile(pattern, re.IGNORECASE | re.VERBOSE | re.DOTALL)


_THING = r"(?:file|director(?:y|ie)|folder|link|symlink|log|script|document|photo|picture|archive)"
MANY_FILES = _any(
    rf"\b{_THING}s\b | \b(?:each|every|any|all)\b(?:\W+[\w.*]+)?(?:\W+[\w.*]+)?\W+{_THING}\b"
)
NOT_OVER_FILES = _any(
    r"\bgit\b | \brepositor | \bcommit | \bbranch | \bcontainer | \bremote\b | \bserver\b"
)

ACTIONS: tuple[tuple[Action, re.Pattern[str]], ...] = (
    ("replace", _any(r"\breplac\w*\b.*\b(?:with|by|to)\b | \bsubstitut")),
    ("count_words", _any(r"\bcount\w*\b.*\bwords\b | \b(?:number\ of|how\ many)\ words\b")),
    ("count_lines_each", _any(r"\blines\b.*\b(?:each|every|per)\b")),
    (
        "count_lines",
        _any(
            r"\bcount\w*\b.*\blines?\b | \b(?:number\ of|how\ many)\ lines\b | \blines\ of\ code\b"
        ),
    ),
    (
        "search",
        _any(
            r"""\b(?:contain|includ|match|hav)\w*\b.*\b(?:text|string|word|regex|pattern|contents?)\b
            | \b(?:grep|search|look)\w*\s+(?:\w+\s+)?for\s+(?:the\s+)?(?:text|string|word|["'`“])
            | \bcontain(?:s|ing)?\b(?!.*\bname) | \bwith\b.*\bin\ (?:them|it)\b"""
        ),
    ),
    (
        "delete",
        _any(r"\b(?:delet|remov|eras|clean|purg|wip|unlink)\w*\b | \bget\ rid\ of\b | \brm\b"),
    ),
    ("uncompress", _any(r"\b(?:unzip|gunzip|uncompress|decompress|unpack|extract)\w*\b")),
    ("archive", _any(r"\barchiv(?:e|ing)\b | \btar\b | \btarball\b")),
    ("compress", _any(r"\bcompress\w*\b | \bg?zip\b | \bbzip2\b | \barchives\b.*\bwith\ \w*zip")),
    (
        "mode",
        _any(
            r"""\bchmod\b | \b(?:chang|set|giv|add|mak)\w*\b
            .*\b(?:permissions?|mode|executable|readable|writ(?:e)?able|read-only)\b"""
        ),
    ),
    ("owner", _any(r"\bchown\b | \bchang\w*\b.*\bowner\w*\b")),
    ("copy", _any(r"\bcop(?:y|ies|ied|ying)\b")),
    ("move", _any(r"\bmov(?:e|es|ed|ing)\b")),
    ("checksum", _any(r"\bmd5\w*\b | \bsha\d+\w*\b | \bchecksums?\b | \bhash(?:es)?\b")),
    (
        "total_size",
        _any(r"\btotal\ (?:size|disk|space)\b | \bdisk\ usage\b | \bhow\ much\ space\b"),
    ),
    ("count", _any(r"\bcount\w*\b | \bhow\ many\b | \bnumber\ of\b")),
    ("sort_size", _any(r"\b(?:sort|order)\w*\b.*\bsize\b")),
    ("sort_time", _any(r"\bsort\w*\b.*\b(?:time|date)\b | \b(?:newest|oldest)\ first\b")),
    ("run", _any(r"\b(?:run|execut)\w*\b")),
    ("details", _any(r"\b(?:long|detailed)\ (?:list|format) | \bdetails\b | \bls\ -l")),
    ("show", _any(r"\b(?:print|show|display|cat|concatenate)\b.*\bcontents?\ of\b")),
    (
        "list",
        _any(r"\b(?:find|list|search|show|print|display|locate|get|look|which|what|where)\w*\b"),
    ),
)
"""What is to be done, the most particular first."""

EVERYWHERE = _any(
    r"\b(?:whole|entire)\ (?:system|file\ ?system|disk|machine)\b | \broot\ directory\b"
)
HOME = _any(r"\bhome\ (?:directory|folder|dir)\b")
HERE_ONLY = _any(
    r"""non[-\ ]?recursive | not?\ recurs
    | \b(?:not|without|no|don't|excluding|ignor\w+)\ (?:\w+\ ){0,3}sub[-\ ]?(?:dir|fold)
    | \bonly\ (?:in\ )?(?:the\ |this\ )?(?:current|top)
    | \b(?:current|this)\ (?:directory|folder)\ only"""
)
DEPTH = _any(
    r"""(?:max(?:imum)?|at\ most|up\ to|down\ to|depth)\ (?P<deep>\w+)\ (?:levels?|deep|sub)
    | \bdepth\ (?:of\ |is\ )?(?P<depth>\d+)
    | \b(?P<levels>\w+)\ levels?\ (?:deep|down)\b"""
)
FOLDERS = _any(r"(?<!sub)(?<!sub[-\ ])\b(?:directories|folders)\b")
FILES = _any(r"\bfiles\b")
FILES_AND_FOLDERS = _any(r"files?\s*(?:/|and|or|,|&)\s*(?:director|folder)")
LINKS = _any(r"\b(?:sym|symbolic\ |soft\ )links\b")
ANY_CASE = _any(r"case[-\ ]insensitive | ignor\w*\ case | regardless\ of\ case")
EMPTY = _any(r"\bempty\b | \b0\ bytes?\b | \bzero\ (?:size|bytes?)")
ACCESSED = _any(r"\b(?:access|read|used|opened)\w*\b")
CREATED = _any(r"\bcreated\b | \bstatus\ (?:was\ )?changed\b")
PERMISSION = _any(r"\bpermissions?\b | \bmode\b | \bperm\b")

BEFORE_EXCLUDED = _any(
    r"""\b(?:except|exclud\w+|ignor\w+|other\ than|but\ not|skip\w*
    |not\ (?:named|called|in|under|ending|matching))\b\W*
    (?:(?:for|the|a|any|all|files?|those|named|called|in|under|director\w+|folders?|with|extension
    |ending|like|matching)\W+)*$"""
)
BEFORE_START = _any(r"\b(?:start|begin)\w*\s+with\W*(?:\w+\W+)?$")
BEFORE_END = _any(r"\bend\w*\s+(?:with|in|by)\W*(?:\w+\W+)?$ | \b(?:extension|suffix)\W*$")
BEFORE_PART = _any(r"\b(?:contain\w*|includ\w*|with|like)\W*(?:the\ (?:word|string)\W+)?$")
BEFORE_NAME = _any(r"\b(?:named|called|name\ is|names?)\W*$")
BEFORE_MORE = _any(r"(?:,|\band|\bor)\W*$")
ABOUT_NAMES = _any(r"\bnames?\b")
BEFORE_OLDER = _any(
    r"""\b(?:older|more|greater|larger|bigger|over|above|before|at\ least|exceed\w*|longer)\W*
    (?:than|of)?\W*$"""
)
BEFORE_NEWER = _any(
    r"""\b(?:newer|less|smaller|under|below|within|last|past|since|younger|in\ the|during|fewer)\W*
    (?:than|the)?\W*$"""
)
BEFORE_REFERENCE = _any(r"\b(?:newer|later|recently)\ than\W*(?:the\ )?(?:file)?\W*$")
BEFORE_TARGET = _any(r"\b(?:to|into)\b\W*(?:the\W+)?(?:\w+\W+)?$")
BEFORE_REPLACED = _any(
    r"""\b(?:replac\w*|substitut\w*|chang\w*)\W*
    (?:(?:all|every|each|the|occurrences|instances|of|text|string|word)\W+)*$"""
)
BEFORE_REPLACEMENT = _any(r"\b(?:with|by|to|into)\W*(?:(?:the|text|string|word)\W+)*$")
BEFORE_OWNER = _any(r"\b(?:owned\ by|belong\w*\ to)\W*(?:the\ )?(?:user)?\W*$")
COMPRESSOR = _any(r"\b(?:bzip2|xz|zstd|lz4|pigz)\b")
PACKED = _any(r"\.(?:tar|tgz|tar\.\w+|zip)$")

MODES = {
    "read-only": "a-w", "executable": "+x", "readable": "+r", "writable": "+w", "writeable": "+w",
}  # fmt: skip
RUNNERS = {"py": "python3 ", "sh": "bash ", "pl": "perl ", "js": "node ", "rb": "ruby "}

_UNDERSTOOD = """
    show find delete create file directory all recursive subdirectory cwd change changes modified
    old recent large small size day hour minute week month time access accessed empty name extension
    suffix end start begin contain containing match matching copy move count line word total
    compress gzip bzip2 zip extract archive tar permission mode readable writable executable owner
    user group belong replace string text content case insensitive sort order type kind symlink link
    regular log script image level depth maximum max only skip exclude older newer than readonly
    inside them hash md5 sha256 info path set put ago past since exact hidden give add search grep
    run execute disk usage bigger last first more less root home tree structure
"""
UNDERSTOOD = frozenset(meaning for word in _UNDERSTOOD.split() for meaning in concepts(word))
"""Meanings that tasks over files are made of; other words in a task make it less surely one."""
