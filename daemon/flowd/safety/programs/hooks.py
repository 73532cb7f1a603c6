"""Options with which an ordinary program runs another one: `rg --pre`, `man -P`, `git -c`."""

import re
from collections.abc import Mapping

from flowd.safety.command import Command, split
from flowd.safety.programs.effects import Code, Effects, Model, Models, Run, Send, Write
from flowd.safety.programs.transfer import host_of
from flowd.safety.state import State
from flowd.safety.tables import listed
from flowd.safety.value import Argument, unknown, value_of

HOOKS: Mapping[str, frozenset[str]] = {
    "rg": listed("--pre --hostname-bin"),
    "man": listed("-P --pager -H --html"),
    "bat": listed("--pager"),
    "delta": listed("--pager"),
    "ag": listed("--pager"),
    "split": listed("--filter"),
    "sort": listed("--compress-program"),
    "zip": listed("-TT --unzip-command"),
    "tcpdump": listed("-z"),
    "cpio": listed("--rsh-command"),
    "fzf": listed("--preview --bind"),
    "entr": listed("-s"),
    "nodemon": listed("-x --exec"),
    "logrotate": listed(""),
    "make": listed("--eval"),
    "vim": listed("-c --cmd"),
    "vi": listed("-c --cmd"),
    "nvim": listed("-c --cmd"),
    "ex": listed("-c"),
    "emacs": listed("--eval --execute -eval"),
    "emacsclient": listed("-e --eval"),
    "gdb": listed("-ex -eval-command --eval-command -x"),
    "rsync": listed("-e --rsh"),
}
"""Options by program whose value names a program or is code."""

_EDITOR_SHELL = re.compile(
    r"\+?:?\s*(?:silent\s*)?!+\s*(.*)|.*\bsystem\(['\"](.*)['\"]\).*|shell\s+(.*)"
)


def hooked(command: Command) -> list[Argument]:
    """The programs or code given to such options."""
    options = HOOKS.get(command.name)
    if not options:
        return []
    found = split(command.arguments, options, long_with_one_dash=command.name in ("gdb", "zip"))
    return found.values(*options)


def _editor(command: Command, _state: State) -> Effects:
    """Editors and gdb: only what leaves them for a shell. `gdb --args CMD` runs CMD."""
    codes = []
    texts = [argument.text for argument in command.arguments]
    inner = command.arguments[texts.index("--args") + 1 :] if "--args" in texts else ()
    given = [each for each in command.arguments if each.text.startswith("+")]
    for argument in [*hooked(command), *given]:
        if command.name.startswith("emacs"):
            source = value_of(argument.text, argument.origins)
            codes.append(Code("lisp", source, argument.span))
            continue
        match = _EDITOR_SHELL.fullmatch(argument.text)
        if match:
            text = match[1] or match[2] or match[3] or ""
            codes.append(Code("shell", value_of(text, argument.origins), argument.span))
    runs = (Run(inner),) if inner else ()
    return Effects(output=unknown(), runs=runs, codes=tuple(codes))


def _with_hooks(inner: Model | None) -> Model:
    """A model that also runs what such options name."""

    def model(command: Command, state: State) -> Effects:
        effects = inner(command, state) if inner is not None else Effects()
        codes = tuple(
            Code("shell", value_of(each.text, each.origins), each.span) for each in hooked(command)
        )
        if not codes:
            return effects
        return Effects(
            effects.output or unknown(),
            effects.writes,
            effects.sends,
            effects.runs,
            (*effects.codes, *codes),
        )

    return model


_GIT_VALUES = listed("-C -c --git-dir --work-tree --namespace --exec-path --config-env")
_GIT_RUNS_VALUE = re.compile(
    r"(?:core\.(?:pager|editor|sshcommand|fsmonitor|askpass|gitproxy)|sequence\.editor|diff\.external"
    r"|pager\.\w+|credential\.helper|gpg\.program|uploadpack\.packobjectshook"
    r"|(?:diff|merge|filter|difftool|mergetool|browser|man|interactive)\.[\w.]*"
    r"(?:textconv|command|driver|clean|smudge|process|cmd|difffilter))=(.*)",
    re.IGNORECASE | re.DOTALL,
)
_GIT_ALIAS = re.compile(r"alias\.[\w-]+=!(.*)", re.IGNORECASE | re.DOTALL)
_GIT_CODE_OPTIONS = {
    "rebase": listed("-x --exec"),
    "difftool": listed("-x --extcmd"),
    "clone": listed("-u --upload-pack"),
    "fetch": listed("--upload-pack"),
    "pull": listed("--upload-pack"),
    "ls-remote": listed("--upload-pack --exec"),
    "push": listed("--receive-pack --exec"),
    "archive": listed("--exec"),
    "grep": listed("-O --open-files-in-pager"),
    "filter-branch": listed(
        "--tree-filter --index-filter --msg-filter --env-filter --commit-filter --parent-filter "
        "--tag-name-filter --setup"
    ),
}


def _git(command: Command, _state: State) -> Effects:
    """Git runs shell text from its settings and from a few options."""
    outer = split(command.arguments, _GIT_VALUES, first_operand_ends=True)
    found: list[Argument] = []
    for setting in outer.values("-c"):
        match = _GIT_ALIAS.fullmatch(setting.text) or _GIT_RUNS_VALUE.fullmatch(setting.text)
        if match:
            found.append(setting.with_text(match[1].lstrip("!")))
    name = outer.operands[0].text if outer.operands else ""
    rest = outer.operands[1:]
    code_options = _GIT_CODE_OPTIONS.get(name, frozenset())
    options = split(rest, code_options | listed("-m -F -o --output"))
    found += options.values(*code_options)
    operands = options.operands
    runs: tuple[Run, ...] = ()
    if name == "bisect" and rest[:1] and rest[0].text == "run":
        runs = (Run(rest[1:]),) if rest[1:] else ()
    elif name == "submodule" and operands[:1] and operands[0].text == "foreach":
        found.append(_joined(tuple(each for each in rest[1:] if not each.text.startswith("--"))))
    elif name == "config":
        found += _configured(operands)
    found += [each.with_text(each.text[5:]) for each in operands if each.text.startswith("ext::")]
    codes = tuple(Code("shell", value_of(each.text, each.origins), each.span) for each in found)
    target = options.value("--output", "-o") if name in ("log", "diff", "show", "archive") else None
    writes = (Write(target, unknown()),) if target is not None else ()
    sends = tuple(
        Send(value_of(each.text, each.origins), host_of(each.text), each.span)
        for each in operands
        if "://" in each.text
    )
    output = (
        value_of(".git\n")
        if name == "rev-parse" and rest[-1:] and (rest[-1].text == "--git-dir")
        else unknown()
    )
    return Effects(output, writes=writes, sends=sends, runs=runs, codes=codes)


def _joined(words: tuple[Argument, ...]) -> Argument:
    text = " ".join(word.text for word in words)
    return words[0].with_text(text) if words else Argument("", (0, 0))


def _configured(operands: tuple[Argument, ...]) -> list[Argument]:
    """`git config alias.x '!code'` keeps code for later."""
    words = operands[1:] if operands[:1] and operands[0].text == "set" else operands
    if len(words) < 2:
        return []
    setting = words[0].with_text(f"{words[0].text}={words[1].text}")
    match = _GIT_ALIAS.fullmatch(setting.text)
    return [words[1].with_text(match[1])] if match else []


def with_hooks(models: Models) -> Models:
    """Models of all programs with such options, on top of what they do otherwise."""
    editors = dict.fromkeys(listed("vim vi nvim ex gdb emacs emacsclient"), _editor)
    others = {name: _with_hooks(models.get(name)) for name in HOOKS if name not in editors}
    return {**others, **editors, "git": _git, "hub": _git}
