"""Commands with holes (`rm {{path/to/file}}`) become scripts with inputs (`rm "$file"`).

A value never becomes part of the script's text: it arrives as a variable, in double quotes, also
where the hole was inside single ones.
"""

import re
from collections.abc import Callable

from msgspec import Struct, field

BRACES = re.compile(r"\{\{(?P<hole>.+?)\}\}(?!\})", re.DOTALL)  # tldr, Warp
ANGLES = re.compile(r"(?<![<\w$])<(?P<hole>[A-Za-z][\w -]{0,40})>(?![>(])")  # navi
_OPTIONS = re.compile(r"\[(?P<short>-[^|\]]*)\|(?P<long>-[^\]]+)\]")
_FIRST_PATH = re.compile(r"^\.?/?(?:path/to|path)/")
_NUMBER = re.compile(r"-?\d+")

_KNOWN_AS_TEXT = """
    dir: directory folder dir directory_name target_directory source_directory path_to_directory
    path: file_or_directory path file_or_folder path_to_file_or_directory
    file: file filename file_name input_file path_to_file script input
    files: files file1 file1_file2 filenames
    archive: archive compressed archive_file
    output: output output_file output_filename outfile
    user: user username user_name
    group: group groupname group_name
    host: host hostname host_name server remote_host
    url: url website link remote_url repository_url
    ip: ip ip_address
    branch: branch branch_name
    commit: commit commit_hash hash revision sha
    tag: tag tag_name tagname
    remote: remote remote_name
    container: container container_name container_id
    image: image image_name docker_image
    package: package package_name package1 module module_name
    service: service unit service_name unit_name
    port: port port_number
    pid: pid process_id
    pattern: glob_pattern
    text: pattern search_pattern regex search_string string text word regular_expression
    message: message commit_message
    command: command
    database: database database_name db_name
    table: table table_name
    name: name new_name
    domain: domain domain_name
    device: device device_name
    session: session session_name
    interface: interface
    key_file: private_key key_file
    size: size
    days: days
    seconds: seconds interval_in_seconds
    column_name: column column_name
"""
_KNOWN_AS = {
    word: name.strip()
    for name, words in (line.split(":") for line in _KNOWN_AS_TEXT.strip().splitlines())
    for word in words.split()
}


_LOOKS = (
    (_NUMBER, "count"),
    (re.compile(r"\w+://\S+"), "url"),
    (re.compile(r"\d{1,3}(\.\d{1,3}){3}"), "ip"),
    (re.compile(r"\d{1,3}(\.\d{1,3}){3}/\d+"), "cidr"),
    (re.compile(r"[\w.-]+@[\w.-]+"), "login"),
    (re.compile(r"(?:[\w-]+\.)+(?:com|org|net)"), "domain"),
    (re.compile(r"eth\d|wlan\d"), "interface"),
)


_PLACES = frozenset(["dir", "path", "file", "files", "archive", "output", "database", "key_file"])


class Filled(Struct):
    """A script, the inputs it uses (name -> description), and what they are by default."""

    script: str = ""
    inputs: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)


def script_of(command: str, holes: re.Pattern[str], told: Callable[[str], str] = str) -> Filled:
    """Make the script. `told` gives a description for what stands in a hole.

    `{{[-f|--force]}}` is the longer option, `{{on|off}}` the first choice, `{{5}}` a number that
    can be changed. The same hole twice is the same input.
    """
    filled = Filled()
    names: dict[str, str] = {}
    parts: list[str] = []
    quote, place = "", 0
    for match in holes.finditer(command):
        between = command[place : match.start()]
        parts.append(between)
        quote = _quote_after(between, quote)
        place = match.end()
        hole = match["hole"].strip()
        options = _OPTIONS.fullmatch(hole)
        if options:
            parts.append(options["long"])
        elif "|" in hole and " " not in hole:
            parts.append(hole.split("|")[0])
        else:
            hole = hole.strip("'\"")
            if hole not in names:
                names[hole] = _name_for(hole, filled, told)
            parts.append(_written(names[hole], quote, command[place : place + 1]))
    parts.append(command[place:])
    filled.script = "".join(parts).strip().replace("''\"$", '"$').replace("\"''", '"')
    return filled


def _name_for(hole: str, filled: Filled, told: Callable[[str], str]) -> str:
    wanted = _word(hole)
    name, number = wanted, 1
    while name in filled.inputs:
        number += 1
        name = f"{wanted}_{number}"
    filled.inputs[name] = told(hole)
    if _looks_like_a_value(hole):
        filled.defaults[name] = hole
    return name


def _looks_like_a_value(hole: str) -> bool:
    """Tell `192.168.1.1` and `linux/arm64` from names for what goes there."""
    return not _FIRST_PATH.match(hole) and bool(re.search(r"\d\w*[./:]|[./:*@]|^-?\d+$", hole))


def _word(hole: str) -> str:
    """Give the name of the input a hole is for, one of those that recipes use if it fits."""
    for looks, name in _LOOKS:
        if looks.fullmatch(hole):
            return name
    first = _FIRST_PATH.sub("", hole.split(" ")[0] if "/" in hole else hole)
    base = re.sub(r"\W+", "_", first.rsplit(".", 1)[0] if "/" in hole else first).strip("_").lower()
    base = re.sub(r"(?<=[a-z])_?\d+$", "", base)
    known = _KNOWN_AS.get(base, "")
    if "/" in hole:
        return known if known in _PLACES else "file"
    if known:
        return known
    return base if re.fullmatch(r"[a-z][a-z0-9_]{0,39}", base) else "value"


def _written(name: str, quote: str, following: str) -> str:
    plain = f"${{{name}}}" if re.match(r"[\w\[]", following) else f"${name}"
    if quote == '"':
        return plain
    return f"'\"{plain}\"'" if quote == "'" else f'"{plain}"'


def _quote_after(text: str, quote: str) -> str:
    """Say which quotes are open after the text, if those were before it."""
    escaped = False
    for character in text:
        if escaped:
            escaped = False
        elif character == "\\" and quote != "'":
            escaped = True
        elif character in "'\"" and quote in ("", character):
            quote = "" if quote else character
    return quote
