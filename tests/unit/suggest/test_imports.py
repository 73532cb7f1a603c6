"""Collections of commands as others publish them: what is read, and what becomes of their holes."""

import errno
import gzip
import json
import lzma
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from flowd.errors import InvalidInput, NotFound
from flowd.server.manuals import read_manual
from flowd.suggest.imports.formats import read_navi, read_rows, read_tldr, read_warp
from flowd.suggest.imports.holes import ANGLES, BRACES, script_of
from flowd.suggest.imports.manuals import readers_of_manuals
from flowd.suggest.imports.reading import (
    READERS,
    Reading,
    known_places,
    name_of,
    read_collection,
)

PAGE = """\
# shelve

> Put things on a shelf.
> More information: <https://example.org/shelve>.

- [s]helve a file:

`shelve {{[-s|--store]}} {{path/to/file}}`

- Shelve {{n}} files at once, quietly:

`shelve --quiet --number {{3}} {{on|off}} '{{*.txt}}'`
"""

CHEAT = """\
% boxes, storage

# Open a box
box open <box_name> --at <path> < <path>

$ box_name: box list | cut -f1
; a remark

# Close all boxes
for each in *; do
  box close "$each"
done
"""


@pytest.mark.parametrize(
    ("command", "script", "inputs"),
    [
        ("rm {{path/to/file}}", 'rm "$file"', ["file"]),
        ("cp {{path/to/file}} {{path/to/directory}}", 'cp "$file" "$dir"', ["file", "dir"]),
        ("cmp {{path/to/file1}} {{path/to/file2}}", 'cmp "$file" "$file_2"', ["file", "file_2"]),
        ("ls {{[-a|--all]}} {{path/to/directory}}", 'ls --all "$dir"', ["dir"]),
        ("set {{on|off}}", "set on", []),
        ("head -n {{5}}", 'head -n "$count"', ["count"]),
        ("a {{x}} {{x}}", 'a "$x" "$x"', ["x"]),
        ("curl {{https://example.com}}", 'curl "$url"', ["url"]),
        ("sed 's/{{old}}/{{new}}/' f", "sed 's/'\"$old\"'/'\"$new\"'/' f", ["old", "new"]),
        ("find . -name '{{*.ext}}'", 'find . -name "$ext"', ["ext"]),
        ('git commit -m "{{message}}"', 'git commit -m "$message"', ["message"]),
        ('echo "{{a}}b"', 'echo "${a}b"', ["a"]),
        ("git tag {{tag_name}} {{branch_name}}", 'git tag "$tag" "$branch"', ["tag", "branch"]),
        ("no holes", "no holes", []),
    ],
)
def test_a_hole_becomes_an_input(command: str, script: str, inputs: list[str]) -> None:
    filled = script_of(command, BRACES)
    assert filled.script == script
    assert list(filled.inputs) == inputs


@pytest.mark.parametrize("command", ["{{x}}", "'{{x}}'", '"{{x}}"', "a'b{{x}}c'd", 'a"b{{x}}c"'])
def test_a_value_is_never_read_as_script(command: str) -> None:
    """Whatever the quotes around a hole, bash gets the value as it is."""
    value = "$(touch bad) `touch bad` 'q' \"q\" \\ ; * $x"
    script = script_of(f"printf %s {command}", BRACES).script
    ran = subprocess.run(["bash", "-c", script], env={"x": value}, capture_output=True, text=True)
    bare = command.replace("'", "").replace('"', "")
    assert ran.stdout == bare.replace("{{x}}", value)


def test_what_stands_for_a_value_is_its_default() -> None:
    assert script_of("ping -c {{4}} {{192.168.1.1}}", BRACES).defaults == {
        "count": "4",
        "ip": "192.168.1.1",
    }
    assert script_of("rm {{path/to/file.txt}} {{name}}", BRACES).defaults == {}


def test_redirections_are_no_holes() -> None:
    assert script_of("a < in > out <name> <<EOF", ANGLES).script == 'a < in > out "$name" <<EOF'


def test_a_page_of_tldr() -> None:
    first, second = read_tldr(PAGE, "shelve")
    assert (first.title, first.topic, first.about) == (
        "shelve a file",
        "shelve",
        "Put things on a shelf.",
    )
    assert first.script == 'shelve --store "$file"'
    assert second.script == 'shelve --quiet --number "$count" on "$txt"'


def test_a_cheat_of_navi() -> None:
    first, second = read_navi(CHEAT, "boxes")
    assert (first.title, first.topic) == ("Open a box", "boxes, storage")
    assert first.script == 'box open "$box_name" --at "$path" < "$path"'
    assert second.script == 'for each in *; do\n  box close "$each"\ndone'


def test_a_workflow_of_warp() -> None:
    (made,) = read_warp(
        "name: Empty the bin\ncommand: bin empty {{bin_id}}\ntags: [bin, waste]\n"
        "arguments:\n  - name: bin_id\n    description: which bin\n",
        "bin",
    )
    assert (made.title, made.topic, made.script) == (
        "Empty the bin",
        "bin waste",
        'bin empty "$bin_id"',
    )
    assert made.inputs == {"bin_id": "which bin"}


def test_rows_of_each_kind() -> None:
    rows = [
        {"page": "p", "platform": "windows", "examples": [{"description": "x", "command": "y"}]},
        {"title": "p", "description": "d", "examples": [{"description": "x:", "command": "y"}]},
        {"name": "warm", "command": "w {{a}}", "args": [{"name": "a", "description": "the a"}]},
        {"title": "own", "command": "o"},
        {"title": "nothing to run"},
        [],
    ]
    made = list(read_rows(map(json.dumps, rows), "file"))
    assert [(each.title, each.script) for each in made] == [
        ("x", "y"),
        ("warm", 'w "$a"'),
        ("own", "o"),
    ]
    assert made[1].inputs == {"a": "the a"}


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A folder as tldr's is: other systems' pages, other languages, something broken."""
    folder = tmp_path / "tldr-pages"
    for name in (
        "pages/common/shelve.md",
        "pages/windows/no.md",
        "pages.de/common/nein.md",
        "pages/linux/more.md",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(PAGE)
    (folder / "pages/linux/broken.md").write_bytes(b"\xff\xfe")
    (folder / "README.txt").write_text("- x:\n\n`y`")
    return folder


def test_a_folder(pages: Path) -> None:
    reading = Reading()
    assert len(list(read_collection(pages, reading))) == 4
    assert (reading.kind, reading.skipped) == ("tldr", 1)
    assert "broken.md" in reading.reason
    assert name_of(pages) == "tldr"


def test_packed_in_every_way(pages: Path, tmp_path: Path) -> None:
    row = (json.dumps({"title": "t", "command": "c"}) + "\n").encode()
    packed = {
        "a.jsonl.xz": lzma.compress(row),
        "b.jsonl.gz": gzip.compress(row),
        "c.jsonl": row,
    }
    for name, content in packed.items():
        (tmp_path / name).write_bytes(content)
        assert [each.script for each in read_collection(tmp_path / name, Reading())] == ["c"]
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.write(pages / "pages/common/shelve.md", "pages/common/shelve.md")
        archive.write(pages / "pages/windows/no.md", "pages/windows/no.md")
    assert len(list(read_collection(tmp_path / "d.zip", Reading()))) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.md", b""),
        ("rubbish.jsonl", b"{"),
        ("cut.jsonl.xz", lzma.compress(b"{}")[:-5]),
        ("no.zip", b"PK"),
        ("odd.yaml", b"a: [b"),
        ("picture.png", b"\x89PNG"),
    ],
)
def test_what_is_no_collection_is_said_so(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match="there are no commands in") as caught:
        list(read_collection(tmp_path / name, Reading()))
    assert "tldr" in caught.value.cure


def test_what_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        list(read_collection(tmp_path / "absent", Reading()))


def test_usual_places(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    assert known_places(tmp_path, nowhere) == []
    (tmp_path / ".local/share/navi/cheats").mkdir(parents=True)
    assert known_places(tmp_path, nowhere) == [tmp_path / ".local/share/navi/cheats"]
    assert name_of(tmp_path / ".local/share/navi/cheats") == "navi"
    assert name_of(Path("/x/my.cheats.jsonl.xz")) == "my"


def test_folders_of_manual_pages_are_usual_places(tmp_path: Path) -> None:
    for name in ("one/man/man8", "two/man/man1", "three/man/man3"):
        (tmp_path / name).mkdir(parents=True)
    folders = [str(tmp_path / name / "man") for name in ("two", "three", "one", "two")]
    assert known_places(tmp_path, ":".join(folders)) == [
        tmp_path / "two/man",
        tmp_path / "one/man",
    ]
    assert name_of(Path("/usr/share/man")) == "man"
    assert name_of(Path("/usr/local/share/man")) == "man-local"
    assert name_of(Path("/home/me/.local/share/man")) == "man-local"


MANUAL = r"""
.SH NAME
frob-peas \- frob the peas
.SH EXAMPLES
.TP
frob peas \-o pods.txt \-n 3 /srv/peas
Frob the peas of a folder into a file
.TP
frob peas > /dev/null; rm \-rf /
Do more than one thing with the peas
.TP
frob peas [pod]
What could be given to it all
.TP
mend peas
Mend the peas of the neighbour
.TP
curl https://example.com/peas | sudo frob \- <pod>
Frob the peas of a page
"""


def test_examples_of_manual_pages(tmp_path: Path) -> None:
    readers = {**READERS, **readers_of_manuals(read_manual)}
    for folder in ("man1", "de/man1", "man3"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "man1/frob-peas.1.gz").write_bytes(gzip.compress(MANUAL.encode()))
    (tmp_path / "de/man1/frob-peas.1.gz").write_bytes(gzip.compress(MANUAL.encode()))
    (tmp_path / "man3/frob-peas.3").write_text(MANUAL)
    reading = Reading()
    found = list(read_collection(tmp_path, reading, readers))
    assert reading.kind == "man"
    assert {(each.topic, each.about) for each in found} == {("frob-peas(1)", "frob the peas")}
    assert [(each.title, each.script) for each in found] == [
        ("Frob the peas of a folder into a file", 'frob peas -o "$file" -n 3 "$file_2"'),
        ("Frob the peas of a page", 'curl "$url" | sudo frob - "$pod"'),
    ]
    assert found[0].inputs == {"file": "such as pods.txt", "file_2": "such as srv/peas"}
    assert found[0].defaults == {}


def test_a_folder_that_cannot_be_looked_into_keeps_nobody_from_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/proc has such; and what another program removes meanwhile is one."""
    for name in ("a", "odd", "z"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "shelve.md").write_text(PAGE)
    scandir = os.scandir

    def refuse(path: str | Path) -> object:
        if Path(path).name == "odd":
            raise OSError(errno.EINVAL, "no folder for you", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    whole = len(list(read_collection(tmp_path / "a", Reading())))
    assert len(list(read_collection(tmp_path, Reading()))) == 2 * whole > 0
