"""The commands of `flowctl` as data: parsing, `--help` and the completion scripts come from here.

Plain classes instead of dataclasses or msgspec: this module is on the path of every call, and
importing either would cost more than everything else `flowctl ps` does.
"""

TEXT = "text"
FLAG = "flag"
NUMBER = "number"
MANY = "many"
WORDS = "words"


class Argument:
    """One thing a command takes. A name that starts with `--` is an option, any other a position.

    `kind` is TEXT (one value), NUMBER (one whole number), FLAG (no value), MANY (an option that
    may be repeated) or WORDS (all remaining positions, joined by spaces). `complete` says what a
    shell offers for it: "file", "run", or nothing; `choices` are the only words it takes.
    """

    def __init__(
        self,
        name: str,
        help_text: str,
        *,
        kind: str = TEXT,
        short: str = "",
        value: str = "",
        choices: tuple[str, ...] = (),
        required: bool = False,
        complete: str = "",
    ):
        self.name = name
        self.help = help_text
        self.kind = kind
        self.short = short
        self.value = value or name.lstrip("-").upper()
        self.choices = choices
        self.required = required
        self.complete = complete

    @property
    def is_option(self) -> bool:
        """True for `--name`, False for a position."""
        return self.name.startswith("--")

    @property
    def takes_value(self) -> bool:
        """True when an option is followed by a value."""
        return self.kind != FLAG


class Command:
    """One command, or one action of a command such as `daemon start`.

    `module` under `flowctl.commands` is imported when the command is used, and its `function` is
    called with the parsed arguments and the console.
    """

    def __init__(
        self,
        name: str,
        summary: str,
        *arguments: Argument,
        module: str = "",
        function: str = "run",
        details: str = "",
        actions: tuple["Command", ...] = (),
    ):
        self.name = name
        self.summary = summary
        self.arguments = arguments
        self.module = module or name
        self.function = function
        self.details = details
        self.actions = actions


GLOBAL_OPTIONS = (
    Argument("--json", "print JSON for programs", kind=FLAG),
    Argument("--no-color", "no colours (also: NO_COLOR=1, TERM=dumb)", kind=FLAG),
    Argument("--no-start", "do not start the daemon when none runs", kind=FLAG),
    Argument("--socket", "talk to the daemon at this socket", value="PATH", complete="file"),
    Argument("--help", "explain", kind=FLAG, short="-h"),
)

_RUN = Argument("run", "a run's id, or the start of it", value="RUN", required=True, complete="run")
_DETACH = Argument("--detach", "return at once, do not watch", kind=FLAG, short="-d")

_STATES = (
    "pending",
    "running",
    "waiting",
    "compensating",
    "succeeded",
    "failed",
    "cancelled",
    "compensated",
    "compensation_failed",
)

_WATCHING = """\
While it runs: Ctrl-C {once}, Ctrl-C again leaves at once.
A step with `tty: true` gets your keys, Ctrl-C too: Ctrl-] d leaves it, Ctrl-] t takes the keyboard
over from another terminal.
The run itself never depends on this terminal: come back with `flowctl attach`."""

COMMANDS = (
    Command(
        "suggest",
        "turn a task in plain words into workflows",
        Argument("task", "what you want done", kind=WORDS),
        Argument("--provider", "ask only this provider", kind=MANY, short="-p", value="NAME"),
        Argument("--show-context", "print what providers would be sent", kind=FLAG),
        Argument("--compare", "show the providers' answers side by side", kind=FLAG),
        Argument("--limit", "at most this many", kind=NUMBER, short="-n", value="N"),
        Argument("--fresh", "ask anew what models answered not long ago", kind=FLAG),
        Argument("--run", "run the best one, after its preview", kind=FLAG),
        Argument("--edit", "open the best one in $EDITOR first", kind=FLAG),
        Argument("--yes", "approve what needs confirmation", kind=FLAG, short="-y"),
        Argument(
            "--batch", 'lines, plain or {"task": ...}, to answers', value="FILE", complete="file"
        ),
        Argument("--cwd", "the folder the task is about", value="FOLDER", complete="file"),
        Argument("--timeout", "seconds to wait for providers", kind=NUMBER, value="SECONDS"),
        details="On a terminal you pick, preview, edit, save or run what is suggested.",
    ),
    Command(
        "run",
        "run a workflow and watch it",
        Argument(
            "workflow",
            "a file, a template, a suggestion's id, or - for standard input",
            required=True,
            complete="file",
        ),
        Argument("--input", "give a workflow input", kind=MANY, short="-i", value="NAME=VALUE"),
        _DETACH,
        Argument("--dry-run", "show what would happen, run nothing", kind=FLAG),
        Argument("--no-preflight", "start even if a step surely cannot work here", kind=FLAG),
        Argument(
            "--rehearse", "run in a throw-away layer over the project, show its changes", kind=FLAG
        ),
        Argument("--yes", "approve what needs confirmation", kind=FLAG, short="-y"),
        Argument("--cwd", "the folder to run in", value="FOLDER", complete="file"),
        details=_WATCHING.format(once="cancels the run and waits for it to end")
        + """

Steps see your environment, without the variables whose names look secret (TOKEN, PASSWORD,
API_KEY, ...): the environment is recorded with the run.""",
    ),
    Command(
        "attach",
        "watch a run, from its beginning or from a position",
        Argument("run", "a run's id; left out: the newest live run", complete="run"),
        Argument("--from", "only events after this position", kind=NUMBER, value="POSITION"),
        details=_WATCHING.format(once="detaches, the run goes on"),
    ),
    Command(
        "ps",
        "list the runs that are not finished",
        Argument("--all", "finished runs too", kind=FLAG, short="-a"),
        Argument("--limit", "at most this many", kind=NUMBER, short="-n", value="N"),
    ),
    Command(
        "history",
        "list all runs, newest first",
        Argument("query", "part of a name or id", kind=WORDS),
        Argument("--state", "only runs in this state", kind=MANY, value="STATE", choices=_STATES),
        Argument("--limit", "at most this many", kind=NUMBER, short="-n", value="N"),
    ),
    Command("show", "show a run: its steps, attempts and questions", _RUN),
    Command(
        "logs",
        "print what a run's steps wrote",
        _RUN,
        Argument("step", "only this step", value="STEP"),
        Argument("--follow", "go on until the run is finished", kind=FLAG, short="-f"),
    ),
    Command(
        "artifacts",
        "list the files a run's steps left, or copy them out",
        _RUN,
        Argument("step", "only this step", value="STEP"),
        Argument("--get", "copy them to DIR/STEP/PATH; nothing is overwritten", value="DIR"),
    ),
    Command(
        "cancel",
        "cancel a run: end what is running, start no more",
        _RUN,
        _DETACH,
        module="steer",
        function="cancel",
    ),
    Command(
        "resume",
        "go on with a parked run",
        _RUN,
        _DETACH,
        module="steer",
        function="resume",
    ),
    Command(
        "retry",
        "go on from the step that failed",
        _RUN,
        _DETACH,
        module="steer",
        function="retry",
    ),
    Command(
        "undo",
        "undo a finished run, newest step first",
        _RUN,
        _DETACH,
        module="steer",
        function="undo",
    ),
    Command(
        "answer",
        "answer the question a run waits with",
        _RUN,
        Argument("step", "the step that asks", value="STEP", required=True),
        Argument(
            "answer",
            "what to do",
            choices=("yes", "no", "retry", "skip", "undo"),
            value="ANSWER",
            required=True,
        ),
        Argument("--for-run", "a yes holds for the same question in this run", kind=FLAG),
        Argument("--for-project", "a yes holds for the same question in this project", kind=FLAG),
        Argument("--always", "a yes holds for the same question everywhere", kind=FLAG),
        Argument("--expires", "how long it holds: 30m, 8h, 7d", value="TIME"),
        module="steer",
        function="answer",
        details="""\
A lasting yes is for exactly this script, the variables it names, and the rules that object: when
one of them differs, you are asked again. `flowctl policy approvals` lists them.""",
    ),
    Command(
        "check",
        "validate and judge, without running anything",
        Argument(
            "file", "a workflow or a file with shell text, or - for standard input", complete="file"
        ),
        Argument("--command", "judge this shell command", short="-c", value="COMMAND"),
        Argument(
            "--batch",
            'lines, plain or {"command": ...}, to verdicts',
            value="FILE",
            complete="file",
        ),
        Argument("--diff", "judge the lines that git says were added since", value="REVISION"),
        Argument("--format", "text (default), json or sarif", value="FORMAT"),
        details="""\
Files with shell text are scripts (*.sh, or a first line such as #!/bin/bash), GitHub workflows and
actions, .gitlab-ci.yml, Makefiles, Dockerfiles and package.json. What comes from standard input is
a workflow, or a diff: git diff | flowctl check -
--diff HEAD judges what is not committed yet, --diff main what a branch added.

Exit code: 0 allow, 5 confirm, 4 block, 3 not valid or cannot work here; 0 for --batch.""",
    ),
    Command(
        "explain",
        "say what a command or workflow does, part by part",
        Argument(
            "what",
            "a command in quotes, a *.flow.yaml or *.sh file, or - for standard input",
            value="COMMAND|FILE",
            kind=WORDS,
            complete="file",
        ),
        Argument("--suggestion", "why this was suggested, and what it does", value="SUGGESTION"),
        details="""\
Nothing is run. What flags mean is read from the manual pages of this machine, or from the --help of
programs that are known to do nothing else; where neither is there, that is said. Quote the command,
or write -- before it: flowctl explain 'tar -xzf a.tgz -C d'""",
    ),
    Command(
        "policy",
        "show, test and explain the rules that count here",
        actions=(
            Command(
                "show",
                "list the rules of every policy file that counts in this folder",
                module="policy",
                function="show",
            ),
            Command(
                "test",
                "try the examples that rules carry",
                Argument("file", "only this file; left out: all that count here", complete="file"),
                module="policy",
                function="test",
                details="Exit code 1 when an example fails or a file cannot be read.",
            ),
            Command(
                "explain",
                "tell why a command is allowed, asked about or blocked",
                Argument("command", "the shell command", kind=WORDS, required=True),
                module="policy",
                function="explain",
                details="""\
Exit code: 0 allow, 5 confirm, 4 block. Put -- before a command with options, or quote it.""",
            ),
            Command(
                "approvals",
                "list the answers that hold beyond their run",
                module="policy",
                function="approvals",
            ),
            Command(
                "revoke",
                "take such an answer back, for runs that start from now on",
                Argument("approval", "its number", kind=NUMBER, value="ID", required=True),
                module="policy",
                function="revoke",
            ),
        ),
    ),
    Command(
        "trust",
        "let the workflow files and the policy of a checkout count",
        Argument("folder", "the folder; left out: this one", value="FOLDER", complete="file"),
        Argument("--revoke", "trust it no more", kind=FLAG),
        Argument("--list", "list the trusted folders", kind=FLAG),
        details="""\
Asked about are workflow files that git checked out from a repository with a remote: somebody else
may have written them. Your own files need no trust. It is for the folder with all below it, and
lasts when files change.""",
    ),
    Command(
        "learned",
        "what Flow learned from your edits, picks and failures",
        actions=(
            Command(
                "list",
                "list habits, answers that are given again, and what failed",
                module="learned",
                function="list_",
            ),
            Command(
                "show",
                "show one of them, with what it was seen in",
                Argument("id", "its id, or the start of it", value="ID", required=True),
                module="learned",
                function="show",
            ),
            Command(
                "forget",
                "unlearn one of them, or everything",
                Argument("id", "its id, or the start of it", value="ID"),
                Argument("--all", "everything", kind=FLAG),
                module="learned",
                function="forget",
            ),
        ),
        details="""\
What you edit, pick, pass over and undo moves later suggestions; `learn = false` under [suggest] in
config.toml switches that off. It is kept on this machine, without secrets.""",
    ),
    Command(
        "template",
        "workflows to start from",
        actions=(
            Command("list", "list templates", module="template", function="list_"),
            Command(
                "show",
                "print a template",
                Argument("name", "the template's name", required=True),
                module="template",
                function="show",
            ),
        ),
    ),
    Command(
        "providers",
        "list who can be asked for suggestions, or try one",
        Argument("action", "list (the default) or test", choices=("list", "test")),
        Argument("name", "the provider to test", value="NAME"),
        Argument("--timeout", "seconds a test may take", kind=NUMBER, value="SECONDS"),
        details="""\
A test asks the provider a small question for real, so it may cost a little. Exit code 7 when it
does not answer usefully.""",
    ),
    Command(
        "usage",
        "show what asking providers took, in tokens and money",
        Argument("--days", "so many days back; 30 unless you say so", kind=NUMBER, value="N"),
        Argument("--calls", "and this many of the newest calls", kind=NUMBER, value="N"),
    ),
    Command(
        "knowledge",
        "collections of commands that suggestions look through",
        actions=(
            Command("list", "list what was imported", module="knowledge", function="list_"),
            Command(
                "import",
                "take in tldr pages, navi cheats, Warp workflows, or lines of JSON",
                Argument(
                    "path",
                    "a file, a folder or an archive; left out: the usual places",
                    complete="file",
                ),
                Argument("--name", "what it is called; left out: after the path", value="NAME"),
                module="knowledge",
                function="import_",
                details="""\
Read are pages of tldr (*.md), cheats of navi (*.cheat), workflows of Warp (*.yaml), and files with
a JSON object a line (*.jsonl) that has title and command, or is a page of tldr; also in a folder or
a .zip, and packed with xz, gzip or bzip2. A collection of the same name is replaced.""",
            ),
            Command(
                "remove",
                "forget a collection",
                Argument("name", "its name", required=True),
                module="knowledge",
                function="remove",
            ),
        ),
    ),
    Command("stats", "figures about runs, events and the database"),
    Command(
        "db",
        "look after the database, while runs go on",
        actions=(
            Command(
                "check",
                "look the whole database through and list the damage",
                Argument("--mend", "make wrong summaries anew from their events", kind=FLAG),
                module="db",
                function="check",
                details="Exit code 1 when something is wrong.",
            ),
            Command(
                "backup",
                "copy the database to a new file",
                Argument(
                    "path",
                    "the new file, or a folder that gets a flow.db",
                    value="PATH",
                    required=True,
                    complete="file",
                ),
                module="db",
                function="backup",
                details="""\
The copy is of one moment and needs nothing else: put it into a folder as flow.db, and
FLOW_HOME=FOLDER flowctl history shows it. Runs that were live then are taken up there as after
a power cut, so steps marked as repeatable (on_interrupt: retry) of a run that still goes on in
the original would run twice.""",
            ),
            Command(
                "vacuum",
                "remove what retention does not keep, pack tightly, give room back",
                module="db",
                function="vacuum",
            ),
        ),
    ),
    Command("doctor", "check that everything Flow needs is there"),
    Command(
        "daemon",
        "start, stop and look after the daemon",
        actions=(
            Command("start", "start the daemon", module="daemon", function="start"),
            Command(
                "stop",
                "stop the daemon; running steps go on without it",
                module="daemon",
                function="stop",
            ),
            Command("restart", "stop and start", module="daemon", function="restart"),
            Command("status", "say who answers", module="daemon", function="status"),
            Command(
                "install",
                "let systemd start the daemon on demand and after a reboot",
                module="install",
                function="install",
            ),
            Command("uninstall", "undo install", module="install", function="uninstall"),
            Command(
                "logs",
                "print the daemon's log",
                Argument("--follow", "go on printing", kind=FLAG, short="-f"),
                Argument("--lines", "how many", kind=NUMBER, short="-n", value="N"),
                module="daemon",
                function="logs",
            ),
        ),
    ),
    Command("lsp", "speak the language server protocol on standard input and output"),
    Command(
        "completion",
        "print a completion script for a shell",
        Argument("shell", "which shell", choices=("bash", "zsh", "fish"), required=True),
        details="""\
bash: flowctl completion bash > ~/.local/share/bash-completion/completions/flowctl
zsh:  flowctl completion zsh > "${fpath[1]}/_flowctl"
fish: flowctl completion fish > ~/.config/fish/completions/flowctl.fish""",
    ),
)


def find(name: str, among: tuple[Command, ...] = COMMANDS) -> Command | None:
    """Give the command of that name."""
    for command in among:
        if command.name == name:
            return command
    return None
