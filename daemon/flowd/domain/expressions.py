"""Expressions (`if:`, `for_each:`) in CEL: checked when a workflow is read, evaluated as it runs.

An expression sees three names: `steps.ID` with `status`, `exit_code`, `outputs` and `stdout` (and
`items`, each with the same, where it has `for_each`), `inputs.NAME` and `env.NAME`. Its size,
nesting and loops are bounded, so that evaluating one is always quick.
"""

import importlib.machinery
import importlib.util
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from threading import Lock
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from flowd.errors import Bug, InvalidInput

if TYPE_CHECKING:
    import cel

MAX_EXPRESSION_CHARACTERS = 2000
MAX_EXPRESSION_NESTING = 20
MAX_LOOPS = 2

STEP_FACTS = ("status", "exit_code", "outputs", "stdout")
ITEMS = "items"  # a fact of steps with `for_each` alone
ROOTS = ("steps", "inputs", "env")

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*)
  | (?P<text>[rRbB]{0,2}(?:\"\"\".*?\"\"\"|'''.*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_LOADING = Lock()
_HYPHENATED = re.compile(r"[\w-]*")
_LOOPS = frozenset({"all", "exists", "exists_one", "map", "filter"})
FUNCTIONS = frozenset(
    {"size", "contains", "startsWith", "endsWith", "matches", "type", "dyn"}
    | {"int", "uint", "double", "string", "bytes", "timestamp", "duration"}
    | {"getFullYear", "getMonth", "getDate", "getDayOfYear", "getDayOfMonth", "getDayOfWeek"}
    | {"getHours", "getMinutes", "getSeconds", "getMilliseconds"}
)


Scope = Mapping[str, object]
"""What an expression sees: `steps` (id to status, exit_code, outputs, stdout), `inputs`, `env`."""


class Reference(NamedTuple):
    """A name an expression uses: `path` is ("steps", "build", "outputs", "key") or shorter.

    `spans` are the characters of the expression each part of the path stands at. `hyphens` is what
    a reader would take the last name to be where it is followed by - and more name:
    `steps.clean-tree` means `steps.clean` minus `tree` in CEL.
    """

    path: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    hyphens: str = ""


class References(NamedTuple):
    """What an expression refers to. `whole_steps`: it looks at `steps` other than by id."""

    names: tuple[Reference, ...]
    unknown_roots: tuple[str, ...]
    unknown_functions: tuple[str, ...]
    whole_steps: bool


def evaluate(expression: str, scope: Scope) -> bool:
    """Give the truth of an expression. InvalidInput when it cannot be told, with the reason."""
    result = evaluate_value(expression, scope)
    if not isinstance(result, bool):
        raise InvalidInput(
            f"the condition `{expression}` gives {result!r}, not true or false",
            cure='compare it with something, such as `!= ""` or `> 0`',
        )
    return result


def evaluate_value(expression: str, scope: Scope) -> object:
    """Give the value of an expression. InvalidInput when there is none, with the reason."""
    program = _compile(expression)
    visible = dict(scope)
    used = references(expression)
    steps = scope.get("steps")
    if isinstance(steps, Mapping) and not used.whole_steps:
        wanted = {n.path[1] for n in used.names if n.path[0] == "steps"}
        visible["steps"] = {step_id: steps[step_id] for step_id in wanted if step_id in steps}
    try:
        return program.execute(visible)
    except KeyError as error:
        raise InvalidInput(
            f"the expression `{expression}` needs {error}, which is not there",
            cure=f"test for it first: has(steps.ID.outputs.{str(error).strip(chr(39))}) && …",
        ) from None
    except (TypeError, RuntimeError, ValueError, ArithmeticError, LookupError) as error:
        raise InvalidInput(
            f"the expression `{expression}` cannot be evaluated: {_first_line(error)}",
            cure="compare values of one type; convert with int(…) or string(…)",
        ) from None


def type_problem(expression: str, scope: Scope) -> str:
    """Say why a valid expression can be no condition, whatever the values; empty if it can be one.

    `scope` holds for every name some value of the type it will have. Only what follows from types
    is told: operands that do not go together, or a result that is neither true nor false.
    """
    try:
        result = _compile(expression).execute(dict(scope))
    except TypeError as error:
        return f"the types do not go together: {_first_line(error).partition('. ')[0]}"
    except (RuntimeError, ValueError, ArithmeticError, LookupError):
        return ""  # other values may do
    return "" if isinstance(result, bool) else "this is neither true nor false"


def list_problem(expression: str, scope: Scope) -> str:
    """As `type_problem`, for an expression that is to give a list, or text that holds one."""
    try:
        result = _compile(expression).execute(dict(scope))
    except TypeError as error:
        return f"the types do not go together: {_first_line(error).partition('. ')[0]}"
    except (RuntimeError, ValueError, ArithmeticError, LookupError):
        return ""
    return "" if isinstance(result, str | list) else "this gives neither a list nor text"


@lru_cache(maxsize=512)
def references(expression: str) -> References:
    """Tell which names a valid expression uses. InvalidInput when it is not valid."""
    program = _compile(expression)
    names, loop_variables, whole_steps = _scan(expression)
    functions = [f for f in program.functions() if f[:1].isalpha()]
    return References(
        names,
        tuple(v for v in program.variables() if v not in ROOTS and v not in loop_variables),
        tuple(f for f in functions if f not in FUNCTIONS),
        whole_steps,
    )


def loops_within_loops(expression: str) -> bool:
    """Whether the expression goes over a list for each element of another one."""
    depth = 0
    entered: list[int] = []
    tokens = _tokens(expression)
    for at, (_, text, _, _) in enumerate(tokens):
        depth += (text in ("(", "[", "{")) - (text in (")", "]", "}"))
        while entered and depth < entered[-1]:
            entered.pop()
        if text in _LOOPS and tokens[at - 1][1] == "." and tokens[at + 1 : at + 2]:
            if entered:
                return True
            entered.append(depth + 1)
    return False


def steps_whose_stdout_is_read(expression: str) -> frozenset[str]:
    """Name the steps whose standard output a valid expression looks at, as far as they are named.

    "*" stands for all of them, where the expression goes through `steps` as a whole. A step whose
    items' output is looked at is named, too.
    """
    used = references(expression)
    looked_at = ((), ("stdout",), (ITEMS,)) if "stdout" in expression else ((), ("stdout",))
    named = {
        name.path[1]
        for name in used.names
        if name.path[0] == "steps" and len(name.path) > 1 and name.path[2:3] in looked_at
    }
    return frozenset(named | {"*"} if used.whole_steps else named)


def linear_match(pattern: str, text: str) -> bool:
    """Whether the whole text matches, in time linear in its length whatever the pattern.

    Patterns are those of CEL's `matches` (no look-around, no back-references); ValueError for
    another. Python's own `re` would let a pattern such as (a+)+ stop the daemon.
    """
    program = _program("text.matches(pattern)")
    try:
        return bool(program.execute({"text": text, "pattern": f"^(?:{pattern})$"}))
    except RuntimeError as error:
        reason = str(error).partition("error:")[2].rpartition("error:")[2].strip()
        raise ValueError(f"{pattern!r} is not a pattern: {reason[:200]}") from None


@lru_cache(maxsize=512)
def _compile(expression: str) -> "cel.Program":
    if len(expression) > MAX_EXPRESSION_CHARACTERS:
        raise InvalidInput(
            f"the condition is longer than {MAX_EXPRESSION_CHARACTERS} characters",
            cure="decide it in a step's script and compare an output",
        )
    depth = deepest = loops = 0
    for kind, text, _, _ in _tokens(expression):
        if kind == "name" and text in _LOOPS:
            loops += 1
        if kind == "other":
            depth += (text in "([{?") - (text in ")]}")
            deepest = max(deepest, depth)
    if deepest > MAX_EXPRESSION_NESTING or loops > MAX_LOOPS:
        raise InvalidInput(
            f"the condition nests more than {MAX_EXPRESSION_NESTING} deep, "
            f"or loops more than {MAX_LOOPS} times",
            cure="decide it in a step's script and compare an output",
        )
    try:
        return _program(expression)
    except ValueError as error:
        raise InvalidInput(
            f"not a valid condition: {_first_line(error)}",
            cure='write CEL, such as steps.test.exit_code == 0 && inputs.version != ""',
        ) from None


@lru_cache(maxsize=512)
def _program(expression: str) -> "cel.Program":
    program: cel.Program = _load_cel().compile(expression)
    return program


def _load_cel() -> ModuleType:
    """Import CEL's compiled part alone, when the first expression is met.

    `import cel` would also bring its command line with rich and a prompt (0.3 s, 400 modules, and
    memory the daemon would keep); the compiled part takes a tenth of that. Two threads may arrive
    together, and the part must not be initialised twice.
    """
    with _LOADING:
        loaded = sys.modules.get("cel.cel")
        if loaded is None:
            package = importlib.util.find_spec("cel")
            folders = package.submodule_search_locations if package is not None else None
            spec = importlib.machinery.PathFinder.find_spec("cel.cel", folders)
            if spec is None or spec.loader is None:
                raise Bug(
                    "the library for conditions is not installed",
                    cure="reinstall Flow: it needs common-expression-language",
                )
            loaded = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(loaded)
            sys.modules["cel.cel"] = loaded
        return loaded


def _first_line(error: Exception) -> str:
    """Give the part of CEL's message that helps: what is wrong, not a drawing of where."""
    text = str(error)
    found = re.search(r"ERROR: <input>:\d+:(\d+): (.*)", text)
    if found is None:
        return text.partition("\n")[0][:200]
    what = found.group(2).partition(" expecting ")[0]
    return f"character {found.group(1)}: {what[:200]}"


def _tokens(expression: str) -> "list[tuple[str, str, int, int]]":
    """Split into (kind, text, start, end), without blanks and comments."""
    return [
        (found.lastgroup or "", found.group(), found.start(), found.end())
        for found in _TOKEN.finditer(expression)
        if found.lastgroup != "space"
    ]


def _scan(expression: str) -> tuple[tuple[Reference, ...], frozenset[str], bool]:
    """Find the paths from `steps`, `inputs` and `env`, and the variables loops bind."""
    tokens = _tokens(expression)
    names: list[Reference] = []
    bound: set[str] = set()
    whole_steps = False
    for at, (kind, text, _, _) in enumerate(tokens):
        after_dot = at > 0 and tokens[at - 1][1] == "."
        if kind != "name":
            continue
        if after_dot and text in _LOOPS and at + 2 < len(tokens) and tokens[at + 1][1] == "(":
            bound.add(tokens[at + 2][1])
        if after_dot or text not in ROOTS:
            continue
        path, spans = _follow(tokens, at)
        hyphens = _HYPHENATED.match(expression, spans[-1][0])
        said = hyphens.group().rstrip("-") if hyphens is not None else ""
        names.append(Reference(path, spans, said if "-" in said else ""))
        whole_steps = whole_steps or (text == "steps" and len(path) == 1)
    return tuple(names), frozenset(bound), whole_steps


def _follow(
    tokens: "list[tuple[str, str, int, int]]", at: int
) -> tuple[tuple[str, ...], tuple[tuple[int, int], ...]]:
    """Follow `.name` and `["name"]` from a root; give the path and where its parts stand."""
    path = [tokens[at][1]]
    spans = [tokens[at][2:]]
    while len(path) < 4:
        following = tokens[at + 1 : at + 4]
        if len(following) >= 2 and following[0][1] == "." and following[1][0] == "name":
            if len(following) == 3 and following[2][1] == "(":
                break  # a method, such as steps.a.stdout.contains(…)
            path.append(following[1][1])
            at += 2
        elif len(following) == 3 and following[0][1] == "[" and following[1][0] == "text":
            path.append(following[1][1][1:-1])
            at += 3
        else:
            break
        spans.append(following[1][2:])
    return tuple(path), tuple(spans)
