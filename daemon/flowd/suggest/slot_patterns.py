"""How values look in a sentence. Data for `slots.py`."""

import re

NUMBER_WORDS = {
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
    "eight": "8", "nine": "9", "ten": "10", "twelve": "12", "twenty": "20", "thirty": "30",
    "fifty": "50", "hundred": "100",
}  # fmt: skip

EXTENSIONS = {
    "python": "py", "javascript": "js", "typescript": "ts", "java": "java", "ruby": "rb",
    "perl": "pl", "rust": "rs", "golang": "go", "markdown": "md", "text": "txt", "php": "php",
    "html": "html", "css": "css", "json": "json", "yaml": "yaml", "yml": "yml", "xml": "xml",
    "csv": "csv", "log": "log", "pdf": "pdf", "jpg": "jpg", "jpeg": "jpg", "png": "png",
    "gif": "gif", "mp3": "mp3", "mp4": "mp4", "txt": "txt", "shell": "sh", "sql": "sql",
    "object": "o", "backup": "bak", "zip": "zip", "iso": "iso", "toml": "toml", "deb": "deb",
    "swp": "swp", "tmp": "tmp", "bak": "bak", "js": "js", "py": "py", "sh": "sh", "svg": "svg",
    "doc": "doc", "docx": "docx", "conf": "conf", "ini": "ini", "class": "class", "avi": "avi",
    "gz": "gz", "tar": "tar", "ts": "ts", "rb": "rb", "wav": "wav", "rpm": "rpm", "bat": "bat",
}  # fmt: skip
"""What people call a kind of file -> its extension."""

_NUMBER = r"(?:\d+(?:\.\d+)?|" + "|".join(NUMBER_WORDS) + r")"
_TIME_UNIT = r"(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?)(?![a-z])"
_SIZE_UNIT = (
    r"(?:bytes?|kilobytes?|kibibytes?|megabytes?|mebibytes?|gigabytes?|gibibytes?|terabytes?"
    r"|[kmgt]i?b?)(?![a-z])"
)
_NOUNS = (
    "branch|tag|remote|commit|container|image|volume|network|service|unit|package|module|user|"
    "group|host|hostname|server|database|table|column|key|port|pid|process|program|command|"
    "directory|folder|dir|file|script|archive|interface|device|domain|version|pattern|"
    "extension|suffix|prefix|session|environment|stash|repository|repo|string|word|text|line|"
    "path|owner|variable|target|collection|index|job|signal|workspace|submodule|"
    "profile|template|author|regex"
)
_MODE_CLAUSES = r"[ugoa]*[+=-][rwxXst]+(?:,[ugoa]*[+=-][rwxXst]+)*"

QUOTED = re.compile(
    r"\"[^\"\n]+\"|“[^”\n]+”|‘[^’\n]+’|`[^`'\n]+[`']|(?<!\w)'[^'\n]+'(?!\w)"
)  # fmt: skip

_PATTERNS: tuple[tuple[str, str], ...] = (
    ("url", r"\b(?:https?|ftp|git|ssh|rsync|file)://[^\s'\"]+|\bgit@[\w.-]+:[\w./-]+"),
    ("remote_path", r"\b[\w.-]+@[\w.-]+:[^\s'\",]+|\b[a-z][\w.-]*\.[a-z]+:/[^\s'\",]*"),
    ("login", r"\b[\w.-]+@(?!\{)\w[\w.-]*\b"),
    ("cidr", r"\b\d{1,3}(?:\.\d{1,3}){3}/\d{1,2}\b"),
    ("ip", r"\b\d{1,3}(?:\.\d{1,3}){3}\b"),
    ("revision", r"\bHEAD(?:[~^]\d*)+|\bHEAD@\{\d+\}|\bstash@\{\d+\}|\bORIG_HEAD\b"),
    ("commit", r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,40}\b"),
    ("glob", r"(?<![\w/*])[\w./~-]*[*?\[][\w.*?\[\]{},-]*(?:/[\w.*?-]*)*"),
    ("duration", rf"\b{_NUMBER}[ -]?{_TIME_UNIT}|\b(?:yesterday|today)\b"),
    ("size", rf"\b\d+(?:\.\d+)? ?{_SIZE_UNIT}\b"),
    ("version", r"\bv\d+(?:\.\d+)*(?:-[\w.]+)?\b|\b\d+\.\d+(?:\.\d+)+(?:-[\w.]+)?\b"),
    ("path", r"(?<![\w.:~/])(?:~|\.{1,2})?/[\w.+@%{},~-]*(?:/[\w.+@%{},~-]*)*"),
    ("path", r"(?<![\w./])(?:~|\.{1,2})(?=[\s,]|$)"),
    ("path", r"(?<![\w/])[\w.-]+/(?:[\w.+@-]+/?)*"),
    ("date", r"\b\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?)?\b"),
    ("service", r"\b[\w@-]+\.(?:service|timer|socket|target)\b"),
    ("domain", r"\b(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev|local|example|test|internal)\b"),
    ("file", r"(?<![\w/.])(?!node\.js\b)[\w-]+(?:\.[\w-]+)*\.[A-Za-z]\w{0,9}\b"),
    ("extension", r"(?<![\w.])\.[a-z][a-z0-9]{0,5}\b"),
    ("mode", rf"(?<![\w.+=-]){_MODE_CLAUSES}(?![\w.])"),
    ("variable", r"\$\{?\w+\}?"),
    ("number", rf"(?<![\w.-])-?{_NUMBER}(?![\w.]*\w)"),
)
COMPILED = [
    (kind, re.compile(pattern, 0 if kind in ("commit", "revision") else re.IGNORECASE))
    for kind, pattern in _PATTERNS
]
"""Kind of value -> its look, the most telling first: what one has taken, no later one takes."""

NAMED = re.compile(
    rf"\b(?:(?P<noun>{_NOUNS})s? )?(?:named|called|whose name is|with (?:the )?name|"
    r"(?:start|begin|end)(?:s|ing)? (?:with|in))\s+(?:the )?(?:(?:word|letters?|prefix) )?"
    r"(?P<name>[\w@.+:-]+)",
    re.IGNORECASE,
)
NOUN_BEFORE = re.compile(rf"\b(?P<noun>{_NOUNS})\s+(?P<name>[\w@.+-]*\w)", re.IGNORECASE)
NOUN_AFTER = re.compile(
    r"\b(?:the|a|an|my|to|into|from|on|of|restart|stop|start|install|uninstall|drop|for)\s+"
    rf"(?P<name>[a-z][\w.+-]*)\s+(?P<noun>{_NOUNS})\b",
    re.IGNORECASE,
)
IN_FOLDER = re.compile(
    r"\b(?:in|inside|under|within|of|from|into|to)\s+(?:the\s+|my\s+)?(?P<name>[A-Za-z0-9_.-]+)\s+"
    r"(?P<noun>directory|folder|dir)\b",
    re.IGNORECASE,
)
FILES_OF_A_TYPE = re.compile(
    r"\b(?P<name>" + "|".join(sorted(EXTENSIONS, key=len, reverse=True)) + r")\s+"
    r"(?:source\s+|script\s+|log\s+)?(?:files?|images|documents|scripts|archives)\b",
    re.IGNORECASE,
)
CUE_BEFORE = re.compile(
    rf"\b({_NOUNS}|name|named|called|last|first|top|than|least|most|every|older|newer|larger|"
    r"bigger|smaller|signal|level|depth|mode|permissions?|prefix)s?\W*"
    r"(?:(?:than|the|of|number|is|with|over|to)\s+)*$",
    re.IGNORECASE,
)
CUE_AFTER = re.compile(rf"^\W*({_NOUNS}|level|time|extension)s?\b", re.IGNORECASE)
SAME_NOUN = {
    "folder": "directory", "dir": "directory", "unit": "service", "repo": "repository",
    "called": "name", "named": "name", "server": "host", "hostname": "host",
    "permissions": "mode", "permission": "mode",
}  # fmt: skip

_NOT_NAMES = """
    the a an and or of in on at to for from with by as is are was be it its that this these which
    who all any each every some not no into onto over under using via per than then name names named
    called file files directory directories folder folders list system itself only recursively size
    sizes history content contents changes status log logs path paths without if when where after
    before between but so out up down running stopped local remote current new old version versions
    type types number numbers count interactively variables variable info information details usage
    key keys access process processes command commands user users group groups server tree registry
    hub state exited dead specific specified given certain first last latest empty large hidden
    inside within there has have had being been will should must can may exists exist existing
    created modified changed deleted removed copy management manager output input locally globally
    one two three index more containing contains starting ending table tables database databases
    container containers image images branch branches tag tags commit commits service services
    package packages remotely dependencies requirements both tracked grows alongside open trees
    structure installed like matching you your are were does my our their his her bash shell line
    ownership descriptors hierarchy entry compressed uncompressed format regular single whole
    multiple other another same different entire parent root home project working system-wide
    today yesterday now again back away off also just too very and/or ends begins match matches
    sorted recursive recursively numbered based against along across around per-user
"""
NOT_NAMES = frozenset(_NOT_NAMES.split())
"""Words that stand beside a noun without being its name."""

_NEVER_NAMES = """
    containing starting ending matching like as after in by with the a an that which or and is are
    to from of for it
"""
NEVER_NAMES = frozenset(_NEVER_NAMES.split())
"""Words that are no name even after "named"."""

TELLING_FILES = frozenset(
    [
        "package.json", "package-lock.json", "cargo.toml", "go.mod", "requirements.txt",
        "pyproject.toml", "tsconfig.json", "docker-compose.yml", "compose.yaml", "manage.py",
        "known_hosts", "authorized_keys", ".gitignore", ".bashrc",
    ]
)  # fmt: skip
"""Files whose very name says what a task is about."""
