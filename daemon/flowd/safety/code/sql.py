"""SQL text: statements that destroy data, told by their first words."""

import re

_COMMENT = re.compile(r"--[^\n]*|/\*(?!!).*?\*/", re.DOTALL)
_STRING = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\$\$.*?\$\$", re.DOTALL)
_DESTRUCTIVE = re.compile(
    r"DROP\s+(?:TABLE|DATABASE|SCHEMA|INDEX|VIEW|COLUMN|USER|ROLE|FUNCTION|PROCEDURE|TRIGGER"
    r"|SEQUENCE|TYPE|EXTENSION|KEYSPACE|COLLECTION|MATERIALIZED|TABLESPACE|OWNED|POLICY|EVENT|\S+)"
    r"|TRUNCATE\b|DETACH\s+DATABASE|PURGE\b|SHUTDOWN\b|RESET\s+(?:MASTER|SLAVE)"
    r"|ALTER\s+(?:TABLE|DATABASE|USER|ROLE|SYSTEM)\b.*?\b(?:DROP|RENAME|SUPERUSER|PASSWORD|DELETE)\b"
    r"|ALTER\s+SYSTEM\b|GRANT\s+ALL\b|VACUUM\s+FULL\b|FLUSH\b|KILL\b|SELECT\s+PG_(?:TERMINATE|CANCEL)_BACKEND\b|COPY\b.*\bPROGRAM\b"
    r"|REVOKE\b|LOAD_FILE|.*\bINTO\s+(?:OUT|DUMP)FILE\b|EXEC(?:UTE)?\s+(?:MASTER\.*)?XP_CMDSHELL",
    re.IGNORECASE | re.DOTALL,
)
_WHOLE_TABLE = re.compile(
    r"(?:DELETE\s+FROM|UPDATE\s+\S+\s+SET)\b(?!.*\bWHERE\b)", re.IGNORECASE | re.DOTALL
)
_ALWAYS_TRUE = re.compile(
    r"(?:DELETE\s+FROM|UPDATE\s+\S+\s+SET)\b.*\bWHERE\s+(?:1\s*=\s*1|TRUE|1)\s*$",
    re.IGNORECASE | re.DOTALL,
)
_WRAPPED = re.compile(
    r"^(?:EXPLAIN(?!\s+ANALYZE)\b.*|BEGIN\b|WITH\b.*?\)\s*(?=DELETE|UPDATE|DROP))", re.IGNORECASE
)


def destructive_statement(text: str) -> str | None:
    """Give the first statement that would destroy data; None when there is none."""
    bare = _COMMENT.sub(" ", text)
    for statement in _split(bare):
        statement = _WRAPPED.sub("", statement.strip()).strip()
        plain = _STRING.sub("''", statement)
        if _DESTRUCTIVE.match(plain) or _WHOLE_TABLE.match(plain) or _ALWAYS_TRUE.match(plain):
            return " ".join(statement.split())
    return None


_TABLE = re.compile(
    r"(?:DROP\s+TABLE(?:\s+IF\s+EXISTS)?|TRUNCATE(?:\s+TABLE)?|DELETE\s+FROM|UPDATE)\s+"
    r"([\"`\[]?)(?P<name>\w+)[\"`\]]?(?![\w.])",
    re.IGNORECASE,
)


def table_of(statement: str) -> str:
    """Name the table whose rows a destructive statement is about, "" when that is not plain."""
    found = _TABLE.match(statement)
    return found["name"] if found else ""


_SHELL_ESCAPE = re.compile(
    r"(?:^|;)\s*(?:\\!|\.shell|\.system|system(?=\s)|!!)\s*([^\n]+)"
    r"|\bPROGRAM\s+'((?:[^']|'')*)'|xp_cmdshell\s*\(?\s*N?'((?:[^']|'')*)'"
    r"|\b(?:sys_exec|sys_eval|system)\s*\(\s*'((?:[^']|'')*)'",
    re.IGNORECASE | re.MULTILINE,
)


def shell_escapes(text: str) -> list[str]:
    """Give the shell code that a database client would run: `\\! code`, `.shell code`."""
    return [
        next(group for group in match.groups() if group is not None)
        for match in _SHELL_ESCAPE.finditer(text)
    ]


_FILE_WRITTEN = re.compile(
    r"\bINTO\s+(?:OUT|DUMP)FILE\s+'([^']+)'|\bCOPY\b[^;]*\bTO\s+'([^']+)'"
    r"|^\s*(?:\.output|\.once|\.log|\.backup|\.dump|\\o|\\g|\\w)\s+([^\s|]+)",
    re.IGNORECASE | re.MULTILINE,
)


def files_written(text: str) -> list[str]:
    """Give the files a statement or a command of the client writes."""
    return [match[1] or match[2] or match[3] for match in _FILE_WRITTEN.finditer(text)]


_READS = re.compile(
    r"(?:SELECT|SHOW|DESCRIBE|DESC|EXPLAIN(?!\s+ANALYZE)|PRAGMA\s+\w+$|\.\w+|\\d\S*)\b",
    re.IGNORECASE,
)


def only_reads(text: str) -> bool:
    """Whether every statement only looks."""
    return all(_READS.match(part.strip()) for part in _split(_COMMENT.sub(" ", text)))


def _split(text: str) -> list[str]:
    """Cut at semicolons outside strings."""
    masked = _STRING.sub(lambda match: match[0].replace(";", "\0"), text)
    return [part.replace("\0", ";") for part in masked.split(";") if part.strip()]
