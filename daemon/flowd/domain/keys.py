"""What each key of the language is for, in a line: shown by editors and put into the schema."""

from flowd.domain.workflow import Defaults, Goto, Input, Limits, Retry, Step, Undo, Workflow

KEYS: dict[type, dict[str, str]] = {
    Workflow: {
        "flow": "version of the language: 1",
        "name": "short name of the workflow, shown in lists",
        "description": "what the workflow is for, in a sentence",
        "inputs": "values the user gives; scripts see them as environment variables",
        "env": "environment variables of every script",
        "cwd": "folder the scripts run in, relative to where the run is started",
        "defaults": "what a step takes when it does not say",
        "steps": "what is done, at most 500 steps",
    },
    Input: {
        "type": "string (default), integer, number or boolean",
        "description": "what to give",
        "default": "value when none is given; without one the input must be given",
        "pattern": "regular expression the whole text must match",
        "choices": "the only values allowed",
    },
    Defaults: {
        "shell": "program that reads scripts: bash, sh, zsh, fish or python",
        "timeout": "how long one attempt may take, such as 30s or 10m",
        "on_interrupt": "what to do when it is not known how a step ended: ask, retry, check, undo",
        "retry": "how often and after which pauses a failed step is tried again",
        "sandbox": "off, project (writes only there, reads no credentials) or strict (no network)",
    },
    Step: {
        "id": "name other steps refer to: letters, digits, _ and -",
        "run": "the script",
        "name": "title shown to people",
        "needs": "ids of steps that must be done first; default: the step before; []: none",
        "if": "CEL condition; the step is skipped when it is false",
        "confirm": "question to ask before the step runs; ${name} shows an input or variable",
        "undo": "script that takes the step back when the run fails later or is undone",
        "check": "script that exits with 0 when the step has done its work",
        "on_interrupt": "when it is not known how the step ended: ask, retry, check or undo",
        "on_error": "after the last failed attempt: rollback, stop, continue or {goto: STEP}",
        "retry": "how often and after which pauses a failed attempt is made again",
        "timeout": "how long one attempt may take, such as 30s or 10m",
        "env": "environment variables of this step's scripts",
        "cwd": "folder this step's scripts run in",
        "shell": "program that reads the scripts: bash, sh, zsh, fish or python",
        "tty": "true runs `run` on a terminal that flowctl attach types to; not `undo` and `check`",
        "stdin": "text the script reads from standard input",
        "outputs": "keys the script writes to the file $FLOW_OUTPUT, as key=value lines",
        "sandbox": "off, project (writes only there, reads no credentials) or strict (no network)",
        "secrets": "variables whose values are kept out of logs and events",
        "finally": "true runs the step at the end whatever happened",
        "limits": "what one attempt may use",
        "for_each": "runs the step once for each item: a list, or a CEL expression that gives one; "
        "scripts see $FLOW_ITEM and $FLOW_ITEM_INDEX",
        "as": "name of one more variable that holds the item",
        "parallel": "how many items of `for_each` run side by side; default: 1",
        "artifacts": "patterns of files, such as dist/*.whl, that are kept with the run when the "
        "step has ended",
    },
    Retry: {
        "attempts": "how often the script is run at most, 1 to 100",
        "delay": "pause before the second attempt, such as 2s",
        "backoff": "factor by which each further pause grows, 1 to 10",
        "jitter": "random share of each pause, 0 to 1",
        "max_delay": "longest pause",
    },
    Goto: {"goto": "id of a later step to go on with"},
    Undo: {
        "run": "the script",
        "timeout": "how long one attempt may take",
        "retry": "how often and after which pauses it is tried again",
    },
    Limits: {
        "memory": "bytes, or text such as 512M",
        "processes": "how many processes at once",
        "cpu": "processor time, such as 30s",
        "output": "bytes of output that are kept, or text such as 4M",
    },
}
