"""Writes the workflow of a task over files. Values are inputs: no script contains one."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from flowd.suggest.find_task import FilesWanted, FindTask
from flowd.suggest.find_words import Action


class _Script(Struct):
    """`find` being written: its words, and the inputs they refer to."""

    words: list[str]
    inputs: dict[str, dict[str, Any]]

    def value(self, name: str, description: str, default: str | int) -> str:
        """Declare an input and give the word that reads it."""
        declared: dict[str, Any] = {"description": description}
        if isinstance(default, int):
            declared["type"] = "integer"
        if default != "":
            declared["default"] = default
        self.inputs[name] = declared
        return f'"${name}"'


def workflow_of(task: FindTask) -> dict[str, Any]:
    """Give the workflow; what changes files lists them first, what deletes them asks."""
    script = _find(task.files)
    find = " ".join(script.words)
    act, confirm, undo = _act(task, script, find)
    steps: list[dict[str, Any]] = []
    if task.action in ("delete", "move", "replace"):
        steps.append({"id": "look", "run": find})
    step: dict[str, Any] = {"id": task.action.replace("_", "-"), "run": act}
    if confirm:
        step["confirm"] = confirm
    if undo:
        step["undo"] = undo
    steps.append(step)
    workflow: dict[str, Any] = {
        "flow": 1,
        "name": f"{task.action.replace('_', '-')}-files",
        "description": title_of(task),
        "steps": steps,
    }
    if script.inputs:
        workflow["inputs"] = script.inputs
    return workflow


def _find(files: FilesWanted) -> _Script:
    script = _Script(["find"], {})
    words = script.words
    if files.where == "~":
        words.append('"$HOME"')
    else:
        words.append(script.value("dir", "the folder to look in", files.where))
    if files.depth is not None:
        words.append(f"-maxdepth {files.depth}")
    if files.kind:
        words.append(f"-type {files.kind}")
    words += _names(files.names, files.any_case, script)
    for number, name in enumerate(files.excluded, 1):
        word = script.value(_numbered("except", number), "names to leave out", name)
        test = "-path" if "/" in name else "-name"
        words.append(f"! {test} {word}")
    if files.empty:
        words.append("-empty")
    if files.size:
        sign, size = _split_sign(files.size)
        words.append(f'-size "{sign}$size"')
        script.value("size", "size: c, k, M or G after the number", size)
    if files.age:
        test, sign, number = files.age
        name = "minutes" if test.endswith("min") else "days"
        script.value(name, f"age in {name}", number)
        words.append(f'-{test} "{sign}${name}"' if sign else f'-{test} "${name}"')
    if files.newer_than:
        words.append(
            f"-newer {script.value('reference', 'the file to compare with', files.newer_than)}"
        )
    if files.user:
        words.append(f"-user {script.value('user', 'the owner', files.user)}")
    if files.group:
        words.append(f"-group {script.value('group', 'the group', files.group)}")
    if files.mode:
        words.append(f"-perm {script.value('has_mode', 'permissions the files have', files.mode)}")
    return script


def _names(names: Sequence[str], any_case: bool, script: _Script) -> list[str]:
    test = "-iname" if any_case else "-name"
    tests = [
        f"{test} {script.value(_numbered('pattern', number), 'names to match', name)}"
        for number, name in enumerate(names, 1)
    ]
    if len(tests) < 2:
        return tests
    return ["\\(", *" -o ".join(tests).split(" "), "\\)"]


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}_{number}"


def _split_sign(size: str) -> tuple[str, str]:
    return (size[0], size[1:]) if size[0] in "+-" else ("", size)


_SIMPLE: dict[Action, str] = {
    "list": "{find}",
    "details": "{find} -exec ls -ld {{}} +",
    "count": "{find} | wc -l",
    "count_lines_each": "{find} -exec wc -l {{}} +",
    "count_words": "{find} -exec wc -w {{}} +",
    "checksum": "{find} -exec sha256sum {{}} +",
    "total_size": "{find} -print0 | du -ch --files0-from=- | tail -n 1",
    "sort_size": "{find} -printf '%s %p\\n' | sort -nr",
    "sort_time": "{find} -printf '%T+ %p\\n' | sort -r",
    "show": "{find} -exec cat {{}} +",
}


def _act(task: FindTask, script: _Script, find: str) -> tuple[str, str, str]:
    """Give the script of the action, the question before it, and its undo."""
    if task.action in _SIMPLE:
        return _SIMPLE[task.action].format(find=find), "", ""
    if task.action in ("compress", "uncompress", "count_lines"):
        return f"{find} {_packing(task)}", "", ""
    if task.action == "delete":
        how = "-exec rm -r {} +" if task.files.kind == "d" and not task.files.empty else "-delete"
        if task.files.kind == "d" and not task.files.empty:
            how = f"-prune {how}"
        return f"{find} {how}", "Delete all of these?", ""
    if task.action == "copy":
        target = script.value("target", "where to put the copies", task.target)
        return f"{find} -exec cp -t {target} {{}} +", "", ""
    if task.action == "move":
        target = script.value("target", "where to move them", task.target)
        return f"{find} -exec mv -n -t {target} {{}} +", "Move all of these?", ""
    if task.action == "archive":
        target = script.value("archive", "the archive to make", task.target or "files.tar.gz")
        return f"{find} -print0 | tar -czf {target} --null -T -", "", 'rm -- "$archive"'
    if task.action == "mode":
        mode = script.value("mode", "the new permissions, such as 644 or u+x", task.mode)
        return f"{find} -exec chmod {mode} {{}} +", "", ""
    if task.action == "owner":
        owner = script.value("owner", "the new owner", task.owner)
        return f"{find} -exec chown {owner} {{}} +", "", ""
    if task.action == "search":
        text = script.value("text", "what to look for", task.text)
        return f"{find} -exec grep -l -e {text} {{}} +", "", ""
    if task.action == "replace":
        script.value("text", "what to replace", task.text)
        script.value("replacement", "what to put instead", task.replacement)
        edit = r'sed -i "s/${text//\//\\/}/${replacement//\//\\/}/g"'
        return f"{find} -exec {edit} {{}} +", "Change all of these?", ""
    script.value("command", "the command to run on the files", task.text)
    return f"{find} -exec $command {{}} +", "", ""


def _packing(task: FindTask) -> str:
    """Choose the program by what the task or the names say of the format."""
    names = " ".join(task.files.names)
    if task.action == "count_lines":
        return f"-exec {'zcat' if names.endswith('.gz') else 'cat'} {{}} + | wc -l"
    if task.action == "compress":
        return f"-exec {task.program or 'gzip'} {{}} +"
    if ".zip" in names:
        return "-execdir unzip -n {} \\;"
    if ".tar" in names or ".tgz" in names:
        return "-execdir tar -xf {} \\;"
    known = {".bz2": "bunzip2", ".xz": "unxz", ".zst": "unzstd"}
    unpack = next((program for ending, program in known.items() if ending in names), "gunzip")
    return f"-exec {unpack} {{}} +"


_TITLES: dict[Action, str] = {
    "list": "Find", "details": "List", "count": "Count", "delete": "Delete", "copy": "Copy",
    "move": "Move", "mode": "Change the permissions of", "owner": "Change the owner of",
    "search": "Search in", "replace": "Replace a text in", "count_lines": "Count the lines of",
    "count_lines_each": "Count the lines of each of the", "count_words": "Count the words of",
    "compress": "Compress", "uncompress": "Uncompress", "archive": "Archive",
    "checksum": "Compute checksums of", "total_size": "Show the total size of",
    "sort_size": "Sort by size the", "sort_time": "Sort by time the", "show": "Show what is in",
    "run": "Run a command on",
}  # fmt: skip
_KINDS = {"f": "files", "d": "folders", "l": "symbolic links", "": "files and folders"}


def title_of(task: FindTask) -> str:
    """Say in plain words what the workflow does."""
    files = task.files
    parts = [_TITLES[task.action]]
    if files.empty:
        parts.append("empty")
    parts.append(_KINDS[files.kind])
    if files.names:
        parts.append(f"named {' or '.join(files.names)}")
    if files.size:
        sign, size = _split_sign(files.size)
        than = {"+": "larger than ", "-": "smaller than ", "": "of "}[sign]
        parts.append(than + size)
    if files.age:
        test, sign, number = files.age
        unit = "minutes" if test.endswith("min") else "days"
        verb = {"a": "accessed", "c": "created or changed", "m": "changed"}[test[0]]
        when = {"+": "more than", "-": "less than", "": ""}[sign]
        parts.append(" ".join(f"{verb} {when} {number} {unit} ago".split()))
    where = {".": "here", "~": "in the home folder"}.get(files.where, f"in {files.where}")
    parts.append(where)
    return " ".join(parts)
