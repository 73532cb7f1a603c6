"""Programs that run the program named in their arguments, or a text given as shell code."""

import re

from msgspec import Struct

from flowd.safety.command import Command, split
from flowd.safety.files import content_of
from flowd.safety.programs.effects import Code, Effects, Model, Models, Run
from flowd.safety.programs.printers import origins_of
from flowd.safety.state import State
from flowd.safety.tables import listed
from flowd.safety.value import DECODED, NETWORK, SECRET, UNKNOWN, Argument, Value, unknown, value_of

ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


_NO_COMMAND = 99


class Wrapper(Struct, frozen=True):
    """How to find the inner command: options with values, and operands that stand before it."""

    values: str = ""
    operands: int = 0
    code: str = ""
    """Options whose value is shell code; with `operands=_NO_COMMAND` nothing else is a command."""


PRIVILEGED = {
    "sudo": Wrapper(
        "-u -g -h -p -C -r -t -T -U -D -R --user --group --host --prompt --close-from --role "
        "--type --chdir --chroot --command-timeout --other-user"
    ),
    "doas": Wrapper("-u -C"),
    "pkexec": Wrapper("--user"),
    "chroot": Wrapper("--userspec --groups", operands=1),
    "nsenter": Wrapper("-t -S -G -W --target --setuid --setgid"),
    "systemd-run": Wrapper("-u -p -E -M -H -t --unit --property --setenv --description --slice"),
    "setpriv": Wrapper("--reuid --regid --groups --inh-caps --ambient-caps --bounding-set"),
    "capsh": Wrapper("", code="-c"),
    "gosu": Wrapper("", operands=1),
    "su-exec": Wrapper("", operands=1),
    "run0": Wrapper("-u -D --user --setenv --chdir --unit --property"),
    "systemd-nspawn": Wrapper("-D -M -i -u --directory --machine --image --user --bind"),
    **dict.fromkeys(("please", "sudo-rs", "gsudo"), Wrapper("-u --user")),
}
PLAIN = {
    "nice": Wrapper("-n --adjustment"),
    "ionice": Wrapper("-c -n -p --class --classdata"),
    "timeout": Wrapper("-s -k --signal --kill-after", operands=1),
    "gtimeout": Wrapper("-s -k --signal --kill-after", operands=1),
    "time": Wrapper("-f -o --format --output"),
    "gtime": Wrapper("-f -o --format --output"),
    "stdbuf": Wrapper("-i -o -e --input --output --error"),
    "chrt": Wrapper("-T -P -D", operands=1),
    "taskset": Wrapper("", operands=1),
    "unshare": Wrapper("-S -G -R -w --setuid --setgid --root --wd --map-user --map-group"),
    "strace": Wrapper("-e -o -p -s -u -E -P -a -I -O -S -X -b"),
    "ltrace": Wrapper("-e -o -p -s -u -n -a -A -D -F -l -x"),
    "flock": Wrapper(
        "-w -E --wait --timeout --conflict-exit-code", operands=1, code="-c --command"
    ),
    "prlimit": Wrapper("-p --pid"),
    "numactl": Wrapper("-N -m -C -i -p --cpunodebind --membind --physcpubind --interleave"),
    "cgexec": Wrapper("-g"),
    "proxychains": Wrapper("-f"),
    "proxychains4": Wrapper("-f"),
    "caffeinate": Wrapper("-t -w"),
    "xvfb-run": Wrapper("-e -f -n -p -s -w --error-file --server-num --server-args"),
    "script": Wrapper(
        "-c -I -O -B -T -m -o -E --command --log-in --log-out",
        operands=_NO_COMMAND,
        code="-c --command",
    ),
    "nix-shell": Wrapper(
        "-p -A -I --packages --attr", operands=_NO_COMMAND, code="--run --command"
    ),
    "sshpass": Wrapper("-p -f -d -P"),
    "rlwrap": Wrapper("-a -b -c -C -D -f -H -l -P -q -s -S -t"),
    "watchexec": Wrapper("-w -e -f -i -d -s --watch --exts --filter --ignore --signal --debounce"),
    "proot": Wrapper("-r -b -w -q -k -S -R --rootfs --bind --pwd --cwd"),
    "systemd-inhibit": Wrapper("--what --who --why --mode"),
    "choom": Wrapper("-n -p"),
    "uclampset": Wrapper("-m -M -p"),
    "faketime": Wrapper("-f", operands=1),
    "cpulimit": Wrapper("-l -p -e -P -c --limit --pid --exe --path"),
    "trickle": Wrapper("-d -u -w -t -l -n"),
    "chpst": Wrapper("-u -U -b -e -n -l -L -m -d -o -p -f -c -t"),
    "runcon": Wrapper("-t -u -r -l", operands=1),
    "sem": Wrapper("-j --id --jobs"),
    "schroot": Wrapper("-c -u -d -s --chroot --user --directory"),
    "mpirun": Wrapper("-n -np -host --host -H --hostfile"),
    "mpiexec": Wrapper("-n -np -host --host -H --hostfile"),
    "nq": Wrapper(""),
    "inotifywait": Wrapper("", operands=_NO_COMMAND),
    **dict.fromkeys(
        listed("setlock s6-setuidgid envdir envchain lockf lockrun chroot-exec"),
        Wrapper("-t -k", operands=1),
    ),
    **dict.fromkeys(
        listed(
            "ld.so ld-linux.so.2 ld-linux-x86-64.so.2 ld-linux-aarch64.so.1 ld-linux-armhf.so.3 "
            "ld-musl-x86_64.so.1 ld-musl-aarch64.so.1"
        ),
        Wrapper("--library-path --preload --argv0 --audit --inhibit-rpath"),
    ),
    "arch": Wrapper(""),
    "linux32": Wrapper(""),
    "coproc": Wrapper(""),
    **dict.fromkeys(
        listed(
            "nohup setsid builtin fakeroot eatmydata dbus-run-session torsocks torify "
            "unbuffer catchsegv ssh-agent busybox toybox lvm nocorrect noglob winpty "
            "valgrind firejail xvfb-daemon-run chronic ts softlimit linux64 "
            "cross-env entr tsp aa-exec daemonize setuidgid envuidgid detach nosuspend "
            "annotate-output distrobox-host-exec flatpak-spawn tini dumb-init catatonit ccache "
            "fakechroot heaptrack vglrun optirun primusrun gamemoderun mangohud tsocks"
        ),
        Wrapper(""),
    ),
}
_RUNNERS = {  # `poetry run CMD`: the word after which the inner command begins
    "poetry": "run",
    "uv": "run",
    "pdm": "run",
    "rye": "run",
    "hatch": "run",
    "pipenv": "run",
    "conda": "run",
    "mamba": "run",
    "bundle": "exec",
    "mise": "exec",
    "asdf": "exec",
    "rbenv": "exec",
    "pyenv": "exec",
    "direnv": "exec",
    "dotenvx": "run",
    "doppler": "run",
    "op": "run",
    "aws-vault": "exec",
    "perf": "stat",
    "pixi": "run",
    "infisical": "run",
    "teller": "run",
    "chamber": "exec",
    "dotenv": "run",
    "foreman": "run",
    "honcho": "run",
}


def inner_arguments(command: Command, wrapper: Wrapper) -> tuple[Argument, ...]:
    """The words of the wrapped command, assignments before it left out."""
    values = listed(wrapper.values) | listed(wrapper.code)
    options = split(command.arguments, values, first_operand_ends=True)
    operands = options.operands[wrapper.operands :]
    while operands and ASSIGNMENT.fullmatch(operands[0].text):
        operands = operands[1:]
    return operands


def assignments_in(arguments: tuple[Argument, ...]) -> list[tuple[str, Value]]:
    """`NAME=value` words at the start."""
    made = []
    for argument in arguments:
        match = ASSIGNMENT.fullmatch(argument.text)
        if not match:
            break
        made.append((match[1], value_of(match[2], argument.origins)))
    return made


def _modelled(wrapper: Wrapper) -> Model:
    values = listed(wrapper.values) | listed(wrapper.code)
    code_options = wrapper.code.split()

    def model(command: Command, _state: State) -> Effects:
        takes_command = wrapper.operands < _NO_COMMAND
        options = split(command.arguments, values, first_operand_ends=takes_command)
        codes = tuple(
            Code("shell", value_of(each.text, each.origins), each.span)
            for each in options.values(*code_options)
        )
        before = options.operands[wrapper.operands :]
        inner = inner_arguments(command, wrapper)
        if len(inner) > 1 and inner[0].text in code_options:  # flock FILE -c CODE
            codes += (Code("shell", value_of(inner[1].text, inner[1].origins), inner[1].span),)
            inner = ()
        runs = (Run(inner, variables=tuple(assignments_in(before))),) if inner else ()
        return Effects(runs=runs, codes=codes)

    return model


def _env(command: Command, _state: State) -> Effects:
    values = listed("-u -C -S --unset --chdir --split-string -a --argv0")
    options = split(command.arguments, values, first_operand_ends=True)
    operands = options.operands
    packed = options.value("-S", "--split-string")
    if packed is not None:
        operands = (*(packed.with_text(word) for word in packed.text.split()), *operands)
    variables = tuple(assignments_in(operands))
    inner = operands[len(variables) :]
    clears = options.has("-i", "--ignore-environment") or command.has_word("-")
    inner = inner[1:] if inner and inner[0].text == "-" else inner
    folder = options.value("-C", "--chdir")
    if not inner:
        return Effects(output=unknown(SECRET))
    return Effects(
        runs=(
            Run(
                inner,
                variables=variables,
                forget_variables=tuple(each.text for each in options.values("-u", "--unset")),
                clears_environment=clears,
                skips_functions=True,
                folder=folder.text if folder is not None else None,
            ),
        )
    )


def _su(command: Command, _state: State) -> Effects:
    options = split(command.arguments, listed("-c -s -g -G -w --command --shell --group"))
    codes = tuple(
        Code("shell", value_of(each.text, each.origins), each.span)
        for each in options.values("-c", "--command")
    )
    if not codes and command.stdin_path:
        codes = (Code("shell", command.stdin, command.span, unseen=True),)
    return Effects(codes=codes)


def _sudo(command: Command, state: State) -> Effects:
    """Sudo; `sudo -s` and `sudo -i` without a command start a shell, which reads its input."""
    effects = _modelled(PRIVILEGED["sudo"])(command, state)
    shell = split(command.arguments, listed(PRIVILEGED["sudo"].values), first_operand_ends=True)
    if effects.runs or not command.stdin_path or not shell.has("-s", "-i", "--shell", "--login"):
        return effects
    return Effects(codes=(Code("shell", command.stdin, command.span, unseen=True),))


_RUN_AS = Wrapper("-u -g -G -s -w --user --group --shell", code="-c --command --session-command")


def _runuser(command: Command, state: State) -> Effects:
    """`runuser -u USER CMD`, else as su: `runuser [-l] USER -c CODE`."""
    user = split(command.arguments, listed(_RUN_AS.values), first_operand_ends=True)
    return (_modelled(_RUN_AS) if user.has("-u", "--user") else _su)(command, state)


def _joined_code(values: str, *, remote: bool = False) -> Model:
    """Programs that join their operands into one line of shell code."""

    def model(command: Command, _state: State) -> Effects:
        options = split(command.arguments, listed(values), first_operand_ends=True)
        if not options.operands:
            return Effects()
        text = " ".join(operand.text for operand in options.operands)
        source = value_of(text, origins_of(options.operands))
        return Effects(codes=(Code("shell", source, command.span, remote=remote),))

    return model


def _each_code(values: str) -> Model:
    """Programs that take every operand as a line of shell code (hyperfine)."""

    def model(command: Command, _state: State) -> Effects:
        options = split(command.arguments, listed(values))
        codes = tuple(
            Code("shell", value_of(each.text, each.origins), each.span)
            for each in (*options.operands, *options.values("-p", "--prepare", "-s", "-c"))
        )
        return Effects(output=unknown(), codes=codes)

    return model


def _multiplexer(command: Command, _state: State) -> Effects:
    """Screen and tmux: a command given to a new session."""
    values = listed("-S -s -n -t -c -x -y -L -f -p -X -e -F")
    options = split(command.arguments, values, first_operand_ends=True)
    words = options.operands
    if command.name == "tmux":
        if not words or words[0].text not in (
            "new",
            "new-session",
            "new-window",
            "neww",
            "split-window",
            "send-keys",
            "send",
            "run-shell",
            "run",
            "respawn-pane",
            "splitw",
            "if-shell",
            "pipe-pane",
        ):
            return Effects(output=unknown())
        words = split(words[1:], values, first_operand_ends=True).operands
        words = tuple(word for word in words if word.text not in ("Enter", "C-m"))
    if not words:
        return Effects(output=unknown())
    typed = {"send-keys", "send", "-X"} & {argument.text for argument in command.arguments}
    if len(words) > 1 and not typed:
        return Effects(runs=(Run(words),))
    text = " ".join(word.text for word in words)
    return Effects(codes=(Code("shell", value_of(text, origins_of(words)), command.span),))


def _runner(command: Command, _state: State) -> Effects:
    word = _RUNNERS[command.name]
    texts = [argument.text for argument in command.arguments]
    if word not in texts:
        return Effects()
    rest = command.arguments[texts.index(word) + 1 :]
    if command.name == "direnv":
        rest = rest[1:]
    after = [argument.text for argument in rest]
    if "--" in after:
        rest = rest[after.index("--") + 1 :]
    values = listed("--with --python -p --project --extra --group --env-file -n --name")
    inner = split(rest, values, first_operand_ends=True).operands
    return Effects(runs=(Run(inner),)) if inner else Effects()


_NODE_RUNNERS = frozenset({"exec", "x", "dlx", "run"})


def _fetched_tool(command: Command, _state: State) -> Effects:
    """npx, uvx, pipx run, npm exec: the rest is a command."""
    values = listed("-p --package --python --with --from --spec -w --workspace --prefix -c --call")
    arguments = command.arguments
    if command.name in ("npm", "pnpm", "yarn", "bun", "pipx"):
        kinds = {"run"} if command.name == "pipx" else _NODE_RUNNERS - {"run"}
        if not arguments or arguments[0].text not in kinds:
            return Effects(output=unknown())
        arguments = arguments[1:]
    options = split(arguments, values, first_operand_ends=True)
    codes = tuple(
        Code("shell", value_of(each.text, each.origins), each.span)
        for each in options.values("-c", "--call")
    )
    if not options.operands:
        return Effects(output=unknown(), codes=codes)
    tool = options.operands[0]
    name = tool.with_text(tool.text.partition("@")[0] or tool.text)
    return Effects(runs=(Run((name, *options.operands[1:])),), codes=codes)


_MACHINE_NAMES = re.compile(r"x86_64|i[3-6]86|linux(?:32|64)|aarch64|arm\w*|ppc\w*|s390x?|uname26")


def _architecture(command: Command, _state: State) -> Effects:
    """`setarch [MACHINE] CMD`."""
    inner = split(command.arguments, first_operand_ends=True).operands
    if inner and _MACHINE_NAMES.fullmatch(inner[0].text):
        inner = inner[1:]
    return Effects(runs=(Run(inner),)) if inner else Effects()


def _as_group(command: Command, _state: State) -> Effects:
    """`sg GROUP [-c] CODE`; newgrp starts a shell, which reads its input."""
    if command.name == "newgrp":
        if not command.stdin_path:
            return Effects()
        return Effects(codes=(Code("shell", command.stdin, command.span, unseen=True),))
    words = [word for word in command.arguments if word.text not in ("-", "-c")][1:]
    return Effects(
        codes=tuple(
            Code("shell", value_of(word.text, word.origins), word.span) for word in words[:1]
        )
    )


def _scheduler(command: Command, _state: State) -> Effects:
    """at, batch: shell code from standard input."""
    if command.name == "at" and split(command.arguments).has("-l", "-r", "-d", "-c"):
        return Effects(output=unknown())
    return Effects(codes=(Code("shell", command.stdin, command.span, unseen=True),))


def _environment(command: Command, _state: State) -> Effects:
    """printenv, set: all variables hold secrets, most single ones do not."""
    names = [argument.text for argument in command.arguments if argument.text != "-0"]
    tells = not names or any(_TELLING.search(name) for name in names)
    return Effects(output=unknown(SECRET) if tells else unknown())


_TELLING = re.compile(r"TOKEN|SECRET|KEY|PASS|CREDENTIAL", re.IGNORECASE)
_SCHEDULED = re.compile(r"\s*(?:@\w+\s+|(?:\S+\s+){5})(?=\S)(.*)")


def scheduled(text: str, *, names_user: bool = False) -> list[str]:
    """The commands in a table of cron's; the machine's own tables name a user before them."""
    jobs = [match[1] for line in text.splitlines() if (match := _SCHEDULED.match(line))]
    return [job.partition(" ")[2] for job in jobs] if names_user else jobs


def _timetable(command: Command, state: State) -> Effects:
    """Crontab FILE: every line ends in shell code."""
    options = split(command.arguments, listed("-u"))
    if options.has("-l", "-r", "-e"):
        return Effects(output=value_of(f"{UNKNOWN}\n"))
    named = options.operands[:1]
    table = command.stdin if not named or named[0].text == "-" else content_of(named[0], state)
    codes = []
    for text in table.texts:
        if UNKNOWN in text and table.origins & (NETWORK | DECODED):
            codes.append(Code("shell", Value((UNKNOWN,), table.origins), command.span, unseen=True))
        codes += [
            Code("shell", value_of(line, table.origins), command.span) for line in scheduled(text)
        ]
    return Effects(output=value_of(""), codes=tuple(codes))


def _multicall(command: Command, _state: State) -> Effects:
    """`busybox rm ...`: the first word is the program."""
    words = command.arguments
    if not words or words[0].text.startswith("-"):
        return Effects(output=unknown())
    return Effects(runs=(Run(words, skips_functions=True),))


def _command_builtin(command: Command, _state: State) -> Effects:
    """`command NAME`: past functions and aliases; with -v or -V it only tells where NAME is."""
    options = split(command.arguments, first_operand_ends=True)
    if options.has("-v", "-V"):
        names = options.operands
        text = f"/usr/bin/{names[0].text}\n" if len(names) == 1 else UNKNOWN
        return Effects(output=value_of(text))
    return (
        Effects(runs=(Run(options.operands, skips_functions=True),))
        if options.operands
        else (Effects())
    )


MODELS: Models = {
    **{name: _modelled(wrapper) for name, wrapper in {**PRIVILEGED, **PLAIN}.items()},
    **dict.fromkeys(_RUNNERS, _runner),
    **dict.fromkeys(("busybox", "toybox", "lvm"), _multicall),
    "command": _command_builtin,
    "env": _env,
    "su": _su,
    "sudo": _sudo,
    "runuser": _runuser,
    "crontab": _timetable,
    **dict.fromkeys(("printenv", "set"), _environment),
    "watch": _joined_code("-n -q -s --interval --equexit"),
    **dict.fromkeys(("npx", "uvx", "bunx", "pnpx", "pipx", "npm", "pnpm", "yarn"), _fetched_tool),
    "hyperfine": _each_code(
        "-w -r -m -M -p -c -s -n -P -L --warmup --runs --prepare --export-json"
    ),
    "concurrently": _each_code("-n -c -p -l -i -k --names --prefix"),
    "setarch": _architecture,
    **dict.fromkeys(("sg", "newgrp"), _as_group),
    "screen": _multiplexer,
    "tmux": _multiplexer,
    "at": _scheduler,
    "batch": _scheduler,
}
