"""git: losing work, rewriting history, running commands from its settings."""

import re
from collections.abc import Callable, Iterator, Mapping

from flowd.domain.foresight import Loss
from flowd.domain.ports import Finding
from flowd.safety.command import Command, Options, split
from flowd.safety.findings import confirm
from flowd.safety.rules.table import Rules
from flowd.safety.state import State
from flowd.safety.tables import listed
from flowd.safety.value import UNKNOWN, Argument

GLOBAL_VALUES = listed("-C -c --git-dir --work-tree --namespace --exec-path --config-env")
_VALUES: Mapping[str, frozenset[str]] = {
    "commit": listed("-m -F -C -c -t --message --file --author --date --fixup --squash --template"),
    "push": listed("-o --push-option --receive-pack --repo"),
    "tag": listed("-m -F -u --message --file --sort --format --points-at --contains --merged"),
    "merge": listed("-m -s -X -F --strategy --strategy-option"),
    "rebase": listed("-s -X -x --exec --onto --strategy --strategy-option"),
    "checkout": listed("-b -B --orphan --conflict --pathspec-from-file"),
    "switch": listed("-c -C --create --force-create --orphan --conflict"),
    "clone": listed(
        "-b -o -u -c --branch --origin --depth --config --reference --separate-git-dir"
    ),
    "stash": listed("-m --message"),
    "branch": listed("-u --set-upstream-to --contains --no-contains --sort --format --points-at"),
    "clean": listed("-e --exclude"),
    "restore": listed("-s --source --pathspec-from-file"),
    "reset": listed("--pathspec-from-file"),
}
_NO_VALUES: frozenset[str] = frozenset()
_FILE_LIKE = re.compile(
    r".*/.*\.\w+|[\w-]+(?:\.[\w-]+)*\.[A-Za-z]\w{0,4}|.*[*?].*|\.{1,2}(?:/.*)?|:.*"
)
_VERSION_LIKE = re.compile(r"v?\d+(?:\.[\dx]+)+.*|.*\d\.\d.*")

Check = Callable[[Options, Command], Iterator[str]]
"""Looks at one subcommand's options; gives messages that need a person's agreement."""


def subcommand(command: Command) -> tuple[str, Options, Options]:
    """Git's own options, the subcommand's name, and its options."""
    outer = split(command.arguments, GLOBAL_VALUES, first_operand_ends=True)
    if not outer.operands:
        return "", outer, outer
    name, rest = outer.operands[0].text, outer.operands[1:]
    return name, outer, split(rest, _VALUES.get(name, _NO_VALUES))


def _push(options: Options, _command: Command) -> Iterator[str]:
    if options.has("-n", "--dry-run"):
        return
    if options.has("-f", "--force", "--force-with-lease", "--force-if-includes", "--mirror"):
        yield "Overwrites history that others may have."
    if options.has("-d", "--delete", "--prune"):
        yield "Deletes branches or tags on the remote."
    for refspec in options.operands[1:] or ():
        if refspec.text.startswith("+"):
            yield "Overwrites history that others may have."
        elif refspec.text.startswith(":"):
            yield "Deletes a branch or tag on the remote."


def _reset(options: Options, _command: Command) -> Iterator[str]:
    if options.has("--hard", "--merge", "--reset"):
        yield "Throws away changes that are not committed."


def _checkout(options: Options, command: Command) -> Iterator[str]:
    if options.has("-b", "--orphan", "--detach", "-t", "--track") and not options.has(
        "-f", "--force"
    ):
        return
    if options.has("-f", "--force"):
        yield "Throws away changes that are not committed."
    elif options.has("-B"):
        yield "Moves an existing branch; commits only it had are lost from sight."
    elif (
        options.has("--ours", "--theirs", "--pathspec-from-file")
        or "--" in [argument.text for argument in command.arguments]
        or len(options.operands) > 1
        or any(_is_file(o) for o in options.operands)
    ):
        yield "Throws away changes in these files that are not committed."


def _is_file(operand: Argument) -> bool:
    text = operand.text
    if UNKNOWN in text or _VERSION_LIKE.fullmatch(text):
        return False
    return _FILE_LIKE.fullmatch(text) is not None


def _switch(options: Options, _command: Command) -> Iterator[str]:
    if options.has("-f", "--force", "--discard-changes"):
        yield "Throws away changes that are not committed."
    elif options.has("-C", "--force-create"):
        yield "Moves an existing branch; commits only it had are lost from sight."


def _restore(options: Options, _command: Command) -> Iterator[str]:
    staged_only = options.has("-S", "--staged") and not options.has("-W", "--worktree")
    if not staged_only and options.operands:
        yield "Throws away changes in these files that are not committed."


def _clean(options: Options, command: Command) -> Iterator[str]:
    if options.has("-n", "--dry-run"):
        return
    forced = options.last_of("-f", "--force", "--no-force") in ("-f", "--force")
    unknown = any(UNKNOWN in operand.text for operand in options.operands)
    allowed = any(
        argument.text.lower().replace(" ", "") == "clean.requireforce=false"
        for argument in command.arguments
    )
    if forced or allowed:
        yield "Deletes files that git does not know: they cannot come back."
    elif unknown or options.has("-i", "--interactive"):
        yield "May delete files that git does not know."


def _branch(options: Options, _command: Command) -> Iterator[str]:
    deletes = options.has("-d", "--delete")
    if options.has("-D") or (deletes and options.has("-f", "--force")):
        yield "Deletes a branch even when its commits are nowhere else."
    elif options.has("-M", "-C") or (options.has("-f", "--force") and not deletes):
        yield "Moves or overwrites an existing branch."


def _tag(options: Options, _command: Command) -> Iterator[str]:
    if options.has("-d", "--delete"):
        yield "Deletes a tag."
    elif options.has("-f", "--force"):
        yield "Moves an existing tag."


def _stash(options: Options, _command: Command) -> Iterator[str]:
    if options.operands and options.operands[0].text in ("drop", "clear"):
        yield "Deletes stashed changes."


def _rebase(options: Options, _command: Command) -> Iterator[str]:
    if not options.has(
        "--abort", "--continue", "--skip", "--quit", "--show-current-patch", "--edit-todo"
    ):
        yield "Rewrites the commits of this branch."


def _commit(options: Options, _command: Command) -> Iterator[str]:
    if options.has("--amend"):
        yield "Rewrites the last commit."


def _always(message: str) -> Check:
    def check(_options: Options, _command: Command) -> Iterator[str]:
        yield message

    return check


def _reflog(options: Options, _command: Command) -> Iterator[str]:
    action = options.operands[0].text if options.operands else ""
    if action in ("expire", "delete") and not options.has("-n", "--dry-run"):
        yield "Deletes the record that lost commits can be found by."


def _collect(options: Options, command: Command) -> Iterator[str]:
    prunes = [option for option in options.given if option.name == "--prune"]
    by_setting = any(
        re.fullmatch(r"gc\.(?:prune|reflog)\w*=(?:now|all|0.*)", argument.text, re.IGNORECASE)
        for argument in command.arguments
    )
    if (prunes and options.last_of("--prune", "--no-prune") == "--prune") or (
        by_setting and not options.has("--no-prune")
    ):
        yield "Deletes commits and files that nothing points to any more."


def _prune(options: Options, _command: Command) -> Iterator[str]:
    if not options.has("-n", "--dry-run"):
        yield "Deletes commits and files that nothing points to any more."


def _remove(options: Options, _command: Command) -> Iterator[str]:
    if not options.has("--cached", "-n", "--dry-run"):
        yield "Deletes files from the working tree."


def _second_word(*words: str, message: str) -> Check:
    def check(options: Options, _command: Command) -> Iterator[str]:
        if options.operands and options.operands[0].text in words:
            yield message

    return check


def _update_ref(options: Options, _command: Command) -> Iterator[str]:
    if options.has("-d", "--delete", "--stdin"):
        yield "Deletes references."
    else:
        yield "Moves references directly."


def _config(options: Options, _command: Command) -> Iterator[str]:
    texts = [operand.text for operand in options.operands]
    if texts[:1] in (["set"], ["get"], ["list"], ["unset"]):
        texts = texts[1:]
    runs = re.compile(
        r"core\.(?:hookspath|sshcommand|fsmonitor|pager|editor|askpass|gitproxy)|diff\..*\.command"
        r"|.*\.(?:textconv|helper|smudge|clean|process|driver|program|cmd)|sequence\.editor"
        r"|credential\..*|url\..*\.(?:pushinsteadof|insteadof)|include\.path|http\.(?:proxy|sslverify)",
        re.IGNORECASE,
    )
    if len(texts) < 2 or not runs.fullmatch(texts[0]) or options.has("--get", "--unset"):
        return
    if texts[0].lower() not in ("core.editor", "core.pager") or " " in texts[1]:
        yield "Changes what git runs or trusts."


def _apply_settings(options: Options, _command: Command) -> Iterator[str]:
    if options.has("-f", "--force"):
        yield "Goes on although work may be lost."


CHECKS: Mapping[str, Check] = {
    "push": _push,
    "reset": _reset,
    "checkout": _checkout,
    "switch": _switch,
    "restore": _restore,
    "clean": _clean,
    "branch": _branch,
    "tag": _tag,
    "stash": _stash,
    "rebase": _rebase,
    "commit": _commit,
    "filter-branch": _always("Rewrites the whole history."),
    "filter-repo": _always("Rewrites the whole history."),
    "reflog": _reflog,
    "gc": _collect,
    "prune": _prune,
    "rm": _remove,
    "update-ref": _update_ref,
    "replace": _always("Replaces objects in git's store."),
    "worktree": _second_word("remove", message="Deletes a working tree."),
    "submodule": _second_word("deinit", message="Deletes a submodule's working tree."),
    "remote": _second_word("remove", "rm", "prune", message="Forgets a remote and its branches."),
    "notes": _second_word("remove", "prune", message="Deletes notes."),
    "lfs": _second_word("prune", "migrate", message="Deletes or rewrites large files."),
    "config": _config,
    "credential": _second_word("fill", message="Prints a stored password."),
    "send-email": _always("Sends mail."),
    "read-tree": _reset,
    "checkout-index": _apply_settings,
}
_RULE_NAMES = {"push": "git.overwrite-remote", "clean": "git.delete-untracked"}
_SAFER = {
    "push": "git push --force-with-lease only overwrites what you have seen.",
    "reset": "git stash keeps the changes.",
    "checkout": "git stash keeps the changes.",
    "restore": "git stash keeps the changes.",
    "clean": "git clean -n shows what would go.",
    "branch": "git branch -d refuses when commits would be lost.",
}


def _judge(command: Command, _state: State) -> Iterator[Finding]:
    name, _, options = subcommand(command)
    check = CHECKS.get(name)
    if UNKNOWN in name:
        yield confirm(
            "git.unknown", "Nobody can say which git command this is before it runs.", command.span
        )
    if check is None or options.has("--help", "-h"):
        return
    for message in check(options, command):
        rule = _RULE_NAMES.get(name, f"git.{name}")
        safer = _SAFER.get(name, "")
        if name == "push" and (
            "Overwrites" not in message or options.has("--force-with-lease", "--mirror")
        ):
            safer = ""
        yield confirm(rule, message, command.span, safer, _loss(name, message, options))


def _loss(name: str, message: str, options: Options) -> Loss | None:
    """What can be counted before it is thrown away; a path that is not known yet is all paths."""
    names = tuple(operand.text for operand in options.operands if operand.known)
    if name == "reset" or (name in ("checkout", "switch") and "these files" not in message):
        return Loss("changes") if "Throws away" in message else None
    if name in ("checkout", "restore"):
        return Loss("changes", tuple(each for each in names if _FILE_LIKE.fullmatch(each)))
    if name == "clean":
        return Loss("untracked", names)
    if name == "branch" and message.startswith("Deletes"):
        return Loss("commits", names)
    return Loss("stashes") if names[:1] == ("clear",) and name == "stash" else None


RULES: Rules = {"git": (_judge,), "hub": (_judge,)}
