"""Python source, read with `ast` and never run: deletion, processes, sockets, hidden code."""

import ast
import base64
import binascii
import posixpath
import re
import warnings
from collections.abc import Iterator

from flowd.safety import secrets
from flowd.safety.code import (
    COMPUTED_CODE,
    FETCHED_CODE,
    FORK_BOMB,
    HIDDEN_CODE,
    REVERSE_SHELL,
    UNREADABLE,
    Inside,
)
from flowd.safety.paths import plain_path
from flowd.safety.programs.effects import Code, Run, Send, Write
from flowd.safety.state import HOME
from flowd.safety.syntax import Span
from flowd.safety.tables import listed
from flowd.safety.value import (
    ANYTHING,
    NOWHERE,
    UNKNOWN,
    Argument,
    Origins,
    Value,
    either,
    unknown,
    value_of,
)

MAX_CHARACTERS = 65_536
_SHELL_CALLS = listed(
    "os.system os.popen subprocess.getoutput subprocess.getstatusoutput "
    "commands.getoutput asyncio.create_subprocess_shell platform.popen os.popen2 "
    "os.popen3"
)
_PROCESS_CALLS = listed(
    "subprocess.run subprocess.call subprocess.check_call subprocess.check_output subprocess.Popen"
)
_ARGUMENT_CALLS = frozenset(["pty.spawn", "asyncio.create_subprocess_exec"])
_AS_COMMAND = {
    "shutil.rmtree": ("rm", "-rf"),
    "os.remove": ("rm", "-f"),
    "os.unlink": ("rm", "-f"),
    "os.removedirs": ("rmdir",),
    "os.rmdir": ("rmdir",),
    "shutil.move": ("mv",),
    "os.rename": ("mv",),
    "os.replace": ("mv",),
    "shutil.copy": ("cp",),
    "shutil.copy2": ("cp",),
    "shutil.copyfile": ("cp",),
    "shutil.copytree": ("cp", "-r"),
    "os.truncate": ("truncate", "-s", "0"),
    "os.symlink": ("ln", "-s"),
    "send2trash.send2trash": ("rm", "-f"),
}
_METHODS_AS_COMMAND = {
    "unlink": ("rm", "-f"),
    "rmtree": ("rm", "-rf"),
    "rmdir": ("rmdir",),
    "read_text": ("cat",),
    "read_bytes": ("cat",),
}
_WRITING_METHODS = frozenset({"write_text", "write_bytes"})
_CODE_CALLS = frozenset({"exec", "eval", "compile", "runpy.run_path", "code.interact"})
_DECODERS = listed(
    "base64.b64decode base64.urlsafe_b64decode base64.standard_b64decode "
    "base64.b32decode base64.b85decode base64.a85decode base64.b16decode "
    "base64.decodebytes binascii.a2b_base64 binascii.unhexlify bytes.fromhex "
    "bytearray.fromhex zlib.decompress gzip.decompress bz2.decompress "
    "lzma.decompress codecs.decode marshal.loads pickle.loads binascii.a2b_hex"
)
_FETCHERS = (
    "urllib.request.",
    "urllib.urlopen",
    "urllib2.",
    "requests.",
    "httpx.",
    "http.client.",
    "aiohttp.",
    "urllib3.",
    "socket.",
    "ftplib.",
    "smtplib.",
    "paramiko.",
)
_UPLOADS = ("post", "put", "patch", "sendall", "send", "sendto", "storbinary", "sendmail")
_KEEPS = listed(
    "read_text read_bytes read decode encode strip rstrip lstrip text content format getvalue recv "
    "join readlines expanduser resolve absolute as_posix lower upper replace"
)
_SHELL_PROGRAMS = ("/bin/sh", "/bin/bash", "sh", "bash", "/bin/zsh", "zsh", "cmd.exe", "/bin/dash")


_KNOWN_CALLS = _SHELL_CALLS | _PROCESS_CALLS | _ARGUMENT_CALLS | _AS_COMMAND.keys()


def read(source: str, span: Span, fed: Value = ANYTHING) -> Inside:
    """Say what Python code does; `fed` is its input.

    `UNREADABLE` is among the dangers when it is not Python, or too much of it.
    """
    if UNKNOWN in source or len(source) > MAX_CHARACTERS:
        return Inside(dangers=frozenset([COMPUTED_CODE] if UNKNOWN in source else [UNREADABLE]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the style of somebody else's code
            tree = ast.parse(source)
        return _Reader(span, fed).read(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Inside(dangers=frozenset([UNREADABLE]))


class _Reader:
    """One walk over a tree; knows imported names and the constants bound to plain names."""

    def __init__(self, span: Span, fed: Value):
        self._span = span
        self._fed = fed
        self._names: dict[str, str] = {}
        self._stars: list[str] = []  # modules imported from with *
        self._values: dict[str, Value] = {}
        self._runs: list[Run] = []
        self._codes: list[Code] = []
        self._writes: list[Write] = []
        self._sends: list[Send] = []
        self._dangers: set[str] = set()
        self._shell = self._socket = self._rewired = False

    def read(self, tree: ast.Module) -> Inside:
        for node in _in_order(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._import(node)
            elif isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr):
                self._bind(node)
            elif isinstance(node, ast.For | ast.comprehension):
                self._bind_loop(node)
            elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                parts = [self._value(node.target), self._value(node.value)]
                self._values[node.target.id] = self._joined(parts)
            elif isinstance(node, ast.With):
                self._bind_with(node)
            elif isinstance(node, ast.Call):
                self._call(node)
            elif isinstance(node, ast.While):
                self._loop(node)
        if self._socket and (self._shell or self._rewired):
            self._dangers.add(REVERSE_SHELL)
        return Inside(
            tuple(self._runs),
            tuple(self._codes),
            tuple(self._writes),
            tuple(self._sends),
            frozenset(self._dangers),
            harmless=not (
                self._runs or self._codes or self._writes or self._sends or self._dangers
            ),
        )

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        module = f"{node.module}." if isinstance(node, ast.ImportFrom) and node.module else ""
        for alias in node.names:
            if alias.name == "*":
                self._stars.append(module)
                continue
            self._names[alias.asname or alias.name.partition(".")[0]] = (
                module + alias.name if alias.asname or module else alias.name.partition(".")[0]
            )

    def _bind(self, node: ast.Assign | ast.AnnAssign | ast.NamedExpr) -> None:
        if node.value is None:
            return
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        dotted = self._dotted(node.value)
        for target in targets:
            if isinstance(target, ast.Name):
                if dotted and "." in dotted and not isinstance(node.value, ast.Call):
                    self._names[target.id] = dotted
                self._values[target.id] = self._value(node.value)

    def _bind_loop(self, node: ast.For | ast.comprehension) -> None:
        """A loop's variable is any of its texts; `os.walk` gives a folder and the names in it."""
        if isinstance(node.target, ast.Name):
            self._values[node.target.id] = self._value(node.iter)
        walks = isinstance(node.iter, ast.Call) and self._dotted(node.iter.func) == "os.walk"
        if walks and isinstance(node.iter, ast.Call) and isinstance(node.target, ast.Tuple):
            folder = self._value(node.iter.args[0]) if node.iter.args else unknown()
            for target, value in zip(
                node.target.elts, (folder, value_of("*"), value_of("*")), strict=False
            ):
                if isinstance(target, ast.Name):
                    self._values[target.id] = value

    def _bind_with(self, node: ast.With) -> None:
        for item in node.items:
            if isinstance(item.optional_vars, ast.Name):
                self._values[item.optional_vars.id] = self._value(item.context_expr)

    def _loop(self, node: ast.While) -> None:
        endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
        for inner in ast.walk(node):
            if isinstance(inner, ast.Call) and self._dotted(inner.func) == "os.fork" and endless:
                self._dangers.add(FORK_BOMB)

    def _dotted(self, node: ast.expr) -> str:
        """`o.system` → `os.system` through imports; "" for anything that is no name."""
        if isinstance(node, ast.Name):
            starred = (module + node.id for module in self._stars)
            known = next((name for name in starred if name in _KNOWN_CALLS), node.id)
            return self._names.get(node.id, known)
        if isinstance(node, ast.Attribute):
            base = self._dotted(node.value)
            return f"{base}.{node.attr}" if base else ""
        if isinstance(node, ast.Call):
            called = self._dotted(node.func)
            if called in ("__import__", "importlib.import_module") and node.args:
                return self._value(node.args[0]).only or ""
            if called == "getattr" and len(node.args) >= 2:
                base, name = self._dotted(node.args[0]), self._value(node.args[1]).only
                return f"{base}.{name}" if base and name else ""
        return ""

    def _call(self, node: ast.Call) -> None:
        name = self._dotted(node.func)
        values = [self._value(argument) for argument in node.args]
        if name in _SHELL_CALLS:
            self._run_shell(values[0] if values else unknown())
        elif name in _PROCESS_CALLS or name in _ARGUMENT_CALLS:
            self._process(node, name)
        elif name.startswith(("os.exec", "os.spawn", "os.posix_spawn")):
            self._execute(node)
        elif name in _AS_COMMAND:
            self._command(_AS_COMMAND[name], values)
        elif name in ("os.chmod", "os.chown", "os.kill"):
            self._privileges(name, node, values)
        elif name in ("open", "io.open", "codecs.open", "os.open"):
            self._open(node, values)
        elif name in _CODE_CALLS:
            self._run_code(values[0] if values else unknown())
        elif name == "urllib.request.urlopen" and (values[1:] or node.keywords):
            data = [*values[1:], *(self._value(keyword.value) for keyword in node.keywords)]
            self._send(NOWHERE.union(*(value.origins for value in data)))
        elif name == "os.dup2":
            self._rewired = True
        elif name.startswith("socket.") and name != "socket.gethostname":
            self._socket = True
        if isinstance(node.func, ast.Attribute):
            self._method(node.func, values, node)

    def _method(self, function: ast.Attribute, values: list[Value], node: ast.Call) -> None:
        receiver = self._dotted(function.value)
        if receiver.partition(".")[0] in ("os", "shutil", "subprocess"):
            return
        if function.attr in _METHODS_AS_COMMAND:
            value = self._value(function.value)
            self._command(_METHODS_AS_COMMAND[function.attr], [value])
        elif function.attr in _WRITING_METHODS:
            value = self._value(function.value)
            self._write(value, values[0] if values else unknown(), append=False)
        elif function.attr in _UPLOADS:
            data = [*values, *(self._value(keyword.value) for keyword in node.keywords)]
            origins = NOWHERE.union(*(value.origins for value in data))
            self._send(origins)

    def _send(self, origins: Origins) -> None:
        value = Value((UNKNOWN,), origins)
        self._sends.append(Send(value, "remote", self._span, files=bool(origins)))

    def _words(self, node: ast.expr) -> list[Value] | None:
        if isinstance(node, ast.List | ast.Tuple):
            return [self._value(element) for element in node.elts]
        return None

    def _process(self, node: ast.Call, name: str) -> None:
        if not node.args:
            argument = next((k.value for k in node.keywords if k.arg == "args"), None)
            if argument is None:
                return
        else:
            argument = node.args[0]
        words = self._words(argument)
        shell = any(
            keyword.arg == "shell"
            and not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
            for keyword in node.keywords
        )
        if words is not None and not shell:
            self._run(words)
        elif shell:
            self._run_shell(words[0] if words else self._value(argument))
        elif name in _ARGUMENT_CALLS and len(node.args) > 1:
            self._run([self._value(each) for each in node.args])
        else:
            value = self._value(argument)
            text = value.only
            self._run([value_of(word) for word in text.split()] if text else [value])

    def _execute(self, node: ast.Call) -> None:
        """`os.execv(path, arguments)`, `os.execl(path, first, ...)`."""
        values: list[Value] = []
        for argument in node.args:
            words = self._words(argument)
            values.extend(words if words is not None else [self._value(argument)])
        texts = [value for value in values if value.only != "os.P_NOWAIT"]
        self._run(texts[:1] + texts[2:] if len(texts) > 1 else texts)

    def _run(self, words: list[Value]) -> None:
        if words and any(text in _SHELL_PROGRAMS for text in words[0].texts):
            self._shell = True
        self._runs.append(Run(tuple(self._argument(word) for word in words)))

    def _run_shell(self, value: Value) -> None:
        if any(text.split(" ")[0] in _SHELL_PROGRAMS for text in value.texts):
            self._shell = True
        self._codes.append(Code("shell", value, self._span))

    def _run_code(self, value: Value) -> None:
        if value.origins & {"decoded"}:
            self._dangers.add(HIDDEN_CODE)
        if value.origins & {"network"}:
            self._dangers.add(FETCHED_CODE)
        if value.only is not None:
            self._codes.append(Code("python", value, self._span))
        elif not value.origins & {"decoded", "network"}:
            self._dangers.add(COMPUTED_CODE)

    def _command(self, words: tuple[str, ...], values: list[Value]) -> None:
        fixed = tuple(Argument(word, self._span) for word in words)
        self._runs.append(Run((*fixed, *(self._argument(value) for value in values[:2]))))

    def _privileges(self, name: str, node: ast.Call, values: list[Value]) -> None:
        if len(node.args) < 2:
            return
        mode = node.args[1]
        number = mode.value if isinstance(mode, ast.Constant) else None
        if name == "os.chmod":
            text = f"{number:o}" if isinstance(number, int) else UNKNOWN
            self._command(("chmod", text), values[:1])
        elif name == "os.kill":
            self._command(("kill", "-9" if number == 9 else "-15"), values[:1])
        else:
            self._command(("chown", UNKNOWN), values[:1])

    def _open(self, node: ast.Call, values: list[Value]) -> None:
        if not values:
            return
        mode_node = node.args[1] if len(node.args) > 1 else None
        for keyword in node.keywords:
            if keyword.arg == "mode":
                mode_node = keyword.value
        mode = mode_node.value if isinstance(mode_node, ast.Constant) else "r"
        if isinstance(mode, str) and any(letter in mode for letter in "wax+"):
            self._write(values[0], unknown(), append="a" in mode or "+" in mode)
        else:
            self._command(("cat",), values[:1])

    def _write(self, target: Value, value: Value, *, append: bool) -> None:
        self._writes.append(Write(self._argument(target), value, append))

    def _argument(self, value: Value) -> Argument:
        text = value.texts[0] if len(value.texts) == 1 else UNKNOWN
        return Argument(text, self._span, value.origins)

    def _value(self, node: ast.expr) -> Value:
        """What is known of an expression's text."""
        if isinstance(node, ast.Constant):
            if isinstance(node.value, bytes):
                return value_of(node.value.decode("utf-8", "replace"))
            return value_of(str(node.value))
        if isinstance(node, ast.Name):
            return self._values.get(node.id, unknown())
        if isinstance(node, ast.JoinedStr):
            return self._joined([self._value(part) for part in node.values])
        if isinstance(node, ast.FormattedValue):
            return self._value(node.value)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Div):
            between = "/" if isinstance(node.op, ast.Div) else ""
            parts = [self._value(node.left), value_of(between), self._value(node.right)]
            return self._joined(parts)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            right = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
            return self._filled(self._value(node.left), r"%[sdr]", right)
        if isinstance(node, ast.List | ast.Tuple):
            return self._either_of(node.elts)
        if isinstance(node, ast.Dict):
            origins = NOWHERE.union(*(self._value(value).origins for value in node.values))
            return Value((UNKNOWN,), origins)
        if isinstance(node, ast.Attribute):
            if self._dotted(node).startswith("sys.stdin"):
                return self._fed
            inner = self._value(node.value)
            return inner if node.attr in _KEEPS else Value((UNKNOWN,), inner.origins)
        if isinstance(node, ast.Call):
            return self._called(node)
        return unknown()

    def _joined(self, parts: list[Value]) -> Value:
        text = "".join(part.texts[0] if len(part.texts) == 1 else UNKNOWN for part in parts)
        return value_of(text, NOWHERE.union(*(part.origins for part in parts)))

    def _filled(self, pattern: Value, marks: str, nodes: list[ast.expr]) -> Value:
        """A text with values put in, one for each mark in turn."""
        texts = iter([self._value(node) for node in nodes])
        if pattern.only is None:
            return unknown()

        def text_for(_mark: re.Match[str]) -> str:
            value = next(texts, None)
            return value.only if value is not None and value.only is not None else UNKNOWN

        filled = re.sub(marks, text_for, pattern.only)
        return value_of(filled, NOWHERE.union(*(self._value(node).origins for node in nodes)))

    def _either_of(self, nodes: list[ast.expr]) -> Value:
        return either([self._value(each) for each in nodes]) if nodes else unknown()

    def _called(self, node: ast.Call) -> Value:
        name = self._dotted(node.func)
        values = [self._value(argument) for argument in node.args]
        origins: Origins = NOWHERE.union(*(value.origins for value in values))
        if name == "input" or name.startswith("sys.stdin."):
            return self._fed
        if name in _DECODERS:
            text = _decoded(name, values[0].only if values else None)
            return value_of(text, origins | {"decoded"})
        if name.startswith(_FETCHERS):
            return Value((UNKNOWN,), origins | {"network"})
        if name in (
            "os.path.expanduser",
            "pathlib.Path",
            "Path",
            "str",
            "glob.glob",
            "glob.iglob",
            "pathlib.PurePath",
            "os.fspath",
            "bytes",
            "os.path.abspath",
            "open",
        ):
            value = values[0] if values else unknown()
            if name == "open":
                return Value((UNKNOWN,), value.origins | _file_origins(value))
            if value.only and value.only.startswith("~"):
                return value_of(HOME + value.only[1:], value.origins)
            return value
        if name in ("pathlib.Path.home", "Path.home"):
            return value_of(HOME)
        if name == "os.path.join":
            return _path_join(values)
        if name in ("os.getenv", "os.environ.get") and values:
            return value_of(HOME) if values[0].only == "HOME" else unknown()
        if name in ("tempfile.mkdtemp", "tempfile.mktemp", "tempfile.TemporaryDirectory"):
            return value_of(f"/tmp/tmp{UNKNOWN}")  # noqa: S108
        if name in ("os.listdir", "os.scandir", "os.walk"):
            return unknown()
        if isinstance(node.func, ast.Attribute):
            inner = self._value(node.func.value)
            if node.func.attr == "format" and not node.keywords:
                return self._filled(inner, r"\{\d*\}", node.args)
            if node.func.attr == "join" and node.args:
                return self._join_method(inner, node.args[0])
            if node.func.attr in ("glob", "rglob", "iterdir") and inner.only:
                return value_of(f"{inner.only.rstrip('/')}/*", inner.origins)
            if node.func.attr in _KEEPS and node.func.attr not in ("format", "replace"):
                return Value(inner.texts, inner.origins | origins)
            return Value((UNKNOWN,), inner.origins | origins)
        return Value((UNKNOWN,), origins)

    def _join_method(self, separator: Value, argument: ast.expr) -> Value:
        words = self._words(argument)
        if words is None or separator.only is None:
            return unknown()
        texts = [word.only if word.only is not None else UNKNOWN for word in words]
        return value_of(separator.only.join(texts), NOWHERE.union(*(w.origins for w in words)))


def _file_origins(path: Value) -> Origins:
    """What opening a path gives."""
    named = {secrets.origin_of(plain_path(text)) for text in path.texts if text} - {None}
    return frozenset(origin for origin in named if origin is not None)


def _path_join(values: list[Value]) -> Value:
    texts = [value.only if value.only is not None else UNKNOWN for value in values]
    origins = NOWHERE.union(*(value.origins for value in values))
    return value_of(posixpath.join(*texts) if texts else "", origins)


def _decoded(name: str, text: str | None) -> str:
    """Decode what is written out; UNKNOWN for everything else."""
    if text is None:
        return UNKNOWN
    try:
        if name.endswith(("b64decode", "a2b_base64", "decodebytes")):
            return base64.b64decode(text + "=" * (-len(text) % 4), altchars=None).decode()
        if name.endswith(("fromhex", "unhexlify", "a2b_hex", "b16decode")):
            return bytes.fromhex(text).decode()
    except (binascii.Error, ValueError):
        return UNKNOWN
    return UNKNOWN


def _in_order(tree: ast.AST) -> Iterator[ast.AST]:
    """Nodes in the order of running, outer before inner: a comprehension's loop comes first."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        yield node
        children = list(ast.iter_child_nodes(node))
        children.sort(key=lambda child: not isinstance(child, ast.comprehension))
        stack.extend(reversed(children))
