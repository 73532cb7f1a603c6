"""Shell text that stands in files of other kinds, and where: for `flowctl check FILE`.

    kind_of(name, text)    says what a file is, by its name and its first line
    scripts_in(kind, text) gives the scripts in it, each with the place of every character

A file that is not what its name says gives InvalidInput with the line, never half of its scripts.
"""

from collections.abc import Callable, Iterator

from flowd.domain.scripts import in_lines, in_yaml
from flowd.domain.scripts.place import Kind, Script, whole_lines
from flowd.errors import InvalidInput

__all__ = ["KINDS", "Kind", "Script", "kind_of", "scripts_in"]

KINDS: dict[Kind, str] = {
    "workflow": "*.flow.yaml",
    "shell": "*.sh, *.bash, *.zsh, *.ksh, or a first line such as #!/bin/sh",
    "github": ".github/workflows/*.yml, action.yml",
    "gitlab": ".gitlab-ci.yml",
    "make": "Makefile, *.mk",
    "docker": "Dockerfile, Containerfile",
    "npm": "package.json",
}
"""What is known, and by which names."""


def _shell(text: str) -> Iterator[Script]:
    yield whole_lines(text, 1, text.splitlines())


_READERS: dict[Kind, Callable[[str], Iterator[Script]]] = {
    "workflow": in_yaml.workflow,
    "shell": _shell,
    "github": in_yaml.github,
    "gitlab": in_yaml.gitlab,
    "make": in_lines.make,
    "docker": in_lines.docker,
    "npm": in_yaml.npm,
}


def kind_of(path: str, text: str) -> Kind:
    """Say what kind of file it is. InvalidInput, with the kinds that are known, for any other."""
    name = path.rpartition("/")[2].lower()
    if name.endswith((".flow.yaml", ".flow.yml")):
        return "workflow"
    if name.endswith((".yml", ".yaml")):
        if "/.github/workflows/" in f"/{path}" or name in ("action.yml", "action.yaml"):
            return "github"
        if ".gitlab-ci" in name or "/.gitlab/" in f"/{path}":
            return "gitlab"
    if name == "package.json":
        return "npm"
    if name in ("makefile", "gnumakefile") or name.endswith((".mk", ".make")):
        return "make"
    if name.startswith(("dockerfile", "containerfile")) or name.endswith(".dockerfile"):
        return "docker"
    if name.endswith((".sh", ".bash", ".zsh", ".ksh", ".bats")) or in_lines.is_shell(text):
        return "shell"
    known = "; ".join(KINDS.values())
    raise InvalidInput(
        f"nobody knows where the shell text of {path} is",
        cure=f"files that can be checked: {known}",
    )


def scripts_in(kind: Kind, text: str) -> list[Script]:
    """Give the scripts of a file. InvalidInput, with the line, when it is not of that kind."""
    return [script for script in _READERS[kind](text) if script.text.strip()]
