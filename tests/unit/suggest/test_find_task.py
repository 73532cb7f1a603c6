"""Tasks over many files: understood, written as find, and true when run."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from flowd.domain.inputs import resolve_inputs, to_environment
from flowd.domain.parse import workflow_from_object
from flowd.suggest.find_task import FilesWanted, FindTask, understand
from flowd.suggest.find_workflow import title_of, workflow_of
from flowd.suggest.slots import extract


def read(task: str) -> FindTask:
    understood = understand(extract(task))
    assert understood is not None
    return understood


@pytest.mark.parametrize(
    ("task", "action", "files"),
    [
        ("find all *.txt files in docs/", "list", FilesWanted(where="docs/", names=["*.txt"])),
        ("delete *.log files older than 7 days in /var/log", "delete",
         FilesWanted(where="/var/log", names=["*.log"], age=("mtime", "+", 7))),
        ("list files larger than 100MB", "list", FilesWanted(size="+100M")),
        ("find files smaller than 2 kilobytes", "list", FilesWanted(size="-2k")),
        ("files modified in the last 2 hours, list them", "list",
         FilesWanted(age=("mmin", "-", 120))),
        ("find files accessed 3 days ago", "list", FilesWanted(age=("atime", "", 3))),
        ("find empty directories", "list", FilesWanted(kind="d", empty=True)),
        ("find files and directories named core", "list", FilesWanted(kind="", names=["core"])),
        ("count the python files in src", "count", FilesWanted(names=["*.py"])),
        ("count lines in all *.c files under lib/", "count_lines",
         FilesWanted(where="lib/", names=["*.c"])),
        ("find all files except *.md that are empty", "list",
         FilesWanted(empty=True, excluded=["*.md"])),
        ("find *.sh files in this folder, not in subdirectories", "list",
         FilesWanted(names=["*.sh"], depth=1)),
        ("find *.sh files at most 2 levels deep", "list", FilesWanted(names=["*.sh"], depth=2)),
        ("find all files whose name starts with tmp", "list", FilesWanted(names=["tmp*"])),
        ("find all files ending with .bak", "list", FilesWanted(names=["*.bak"])),
        ("find files owned by user ada with permission 777", "list",
         FilesWanted(user="ada", mode="777")),
        ("find files newer than stamp.txt", "list", FilesWanted(newer_than="stamp.txt")),
        ("search for the text 'fixme' in *.py files", "search", FilesWanted(names=["*.py"])),
        ("compress all *.log files with bzip2", "compress", FilesWanted(names=["*.log"])),
        ("make all *.sh files executable", "mode", FilesWanted(names=["*.sh"])),
        ("copy all *.jpg files to /backup", "copy", FilesWanted(names=["*.jpg"])),
    ],
)  # fmt: skip
def test_tasks_are_understood(task: str, action: str, files: FilesWanted):
    understood = read(task)
    assert understood.action == action
    assert understood.files == files


@pytest.mark.parametrize(
    "task",
    [
        "delete a file",
        "remove an empty directory",
        "list files",
        "count the lines of notes.txt",
        "list files changed in a git commit",
        "copy all *.sh files to ada@host:/tmp",
        "what is the weather like",
    ],
)
def test_other_tasks_are_left_to_others(task: str):
    assert understand(extract(task)) is None


def test_what_an_action_needs_is_found():
    assert read("copy all *.jpg files to /backup").target == "/backup"
    assert read("archive all *.jpg files into photos.tar.gz").target == "photos.tar.gz"
    assert read("change the permissions of all *.sh files to 755").mode == "755"
    assert read("find all *.py files containing the word 'fixme'").text == "fixme"
    replace = read("replace 'old' with 'new' in all *.txt files")
    assert (replace.text, replace.replacement) == ("old", "new")
    assert read("run the script fix.py on all *.txt files").text == "python3 fix.py"


def test_deleting_looks_first_and_asks():
    workflow = workflow_of(read("delete all *.tmp files"))
    look, delete = workflow["steps"]
    assert "-delete" not in look["run"]
    assert delete["confirm"]


def test_titles_say_what_will_happen():
    title = title_of(read("delete *.log files in /var/log older than 7 days"))
    assert title == "Delete files named *.log changed more than 7 days ago in /var/log"


def test_no_value_is_pasted_into_a_script():
    workflow = workflow_of(read("delete all files named 'x$(id)' in /tmp/x"))
    for step in workflow["steps"]:
        assert "id" not in step["run"].replace('"$dir"', "")


def run(task: str, folder: Path) -> str:
    """Carry the suggested workflow out in the folder; what its last step printed."""
    workflow = workflow_from_object(workflow_of(read(task)))
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
    environment |= to_environment(resolve_inputs(workflow, {}))
    printed = ""
    for step in workflow.steps:
        done = subprocess.run(
            ["bash", "-e", "-c", step.run],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        printed = done.stdout
    return printed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        "a.txt": "one\ntwo\n",
        "b.txt": "three\n",
        "c.log": "fixme\n",
        "sub/d.txt": "fixme\nfive\n",
        "sub/empty.txt": "",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "big.bin").write_bytes(b"\0" * 3_000_000)
    old = time.time() - 20 * 86400
    os.utime(tmp_path / "c.log", (old, old))
    return tmp_path


def test_listing(folder: Path):
    assert sorted(run("find all *.txt files", folder).split()) == [
        "./a.txt", "./b.txt", "./sub/d.txt", "./sub/empty.txt",
    ]  # fmt: skip
    assert run("find files larger than 2MB", folder).split() == ["./big.bin"]
    assert run("find files older than 10 days", folder).split() == ["./c.log"]
    assert run("find empty files", folder).split() == ["./sub/empty.txt"]
    here = run("find all *.txt files in this folder only, not recursively", folder)
    assert sorted(here.split()) == ["./a.txt", "./b.txt"]


def test_counting(folder: Path):
    assert run("count all *.txt files", folder).strip() == "4"
    assert run("count the lines in all *.txt files", folder).strip() == "5"


def test_searching_and_replacing(folder: Path):
    assert run("find all *.txt files containing the word 'fixme'", folder).split() == [
        "./sub/d.txt"
    ]
    run("replace 'fixme' with 'a/b' in all *.txt files", folder)
    assert (folder / "sub/d.txt").read_text() == "a/b\nfive\n"
    assert (folder / "c.log").read_text() == "fixme\n"


def test_deleting_spares_what_is_left_out(folder: Path):
    run("delete all *.txt files except b.txt", folder)
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*.txt")) == ["b.txt"]


def test_copying_moving_and_modes(folder: Path):
    (folder / "target").mkdir()
    run("copy all *.log files to target/", folder)
    assert (folder / "target/c.log").exists()
    assert (folder / "c.log").exists()
    run("make all *.log files read-only", folder)
    assert not (folder / "c.log").stat().st_mode & 0o222


def test_packing(folder: Path):
    run("archive all *.txt files into texts.tar.gz", folder)
    listed = subprocess.run(
        ["tar", "-tzf", "texts.tar.gz"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert "./sub/d.txt" in listed.stdout.split()
    run("compress all *.log files", folder)
    assert (folder / "c.log.gz").exists()
    run("unpack all *.gz files", folder)
    assert (folder / "c.log").exists()
