"""What calls are named in languages that are read without a parser."""

import re
from collections.abc import Mapping

from msgspec import Struct

from flowd.safety.programs.effects import Language


class Grammar(Struct, frozen=True):
    """Names of calls, as regular expressions, by what they do. `backquotes`: `...` runs a shell."""

    commands: str = ""
    delete: str = ""
    delete_tree: str = ""
    move: str = ""
    write: str = ""
    read: str = ""
    evaluate: str = ""
    decode: str = ""
    network: str = ""
    backquotes: bool = False


GRAMMARS: Mapping[Language, Grammar] = {
    "perl": Grammar(
        commands=r"system|exec|popen|run",
        delete=r"unlink",
        delete_tree=r"rmtree|remove_tree",
        move=r"rename|move",
        write=r"open\s*\(?\s*(?:my\s*)?\$?\w+\s*,\s*['\"]\+?>{1,2}['\"]|write_file|spew",
        read=r"open|read_file|slurp",
        evaluate=r"eval",
        decode=r"decode_base64|pack|unpack|inflate",
        network=r"socket|IO::Socket\S*|LWP\S*|HTTP::\S*|connect|get\s*\(?\s*['\"]https?:",
        backquotes=True,
    ),
    "ruby": Grammar(
        commands=r"system|exec|spawn|IO\.popen|Open3\.\w+|PTY\.spawn|Kernel\.\w+",
        delete=r"File\.(?:delete|unlink)|FileUtils\.(?:rm|rm_f|remove|remove_file)|Dir\.(?:delete|rmdir)"
        r"|(?:rm|rm_f)(?=\s*\()",
        delete_tree=r"FileUtils\.(?:rm_rf|rm_r|rmtree|remove_dir|remove_entry\w*)|rm_rf|rm_r"
        r"|remove_entry\w*",
        move=r"File\.rename|FileUtils\.(?:mv|move)",
        write=r"(?:File|IO)\.(?:write|binwrite)",
        read=r"(?:File|IO)\.(?:read|readlines|foreach|binread)",
        evaluate=r"eval|instance_eval|class_eval|load",
        decode=r"Base64\.\w*decode64|\.?unpack1?",
        network=r"TCPSocket\S*|UDPSocket\S*|TCPServer\S*|Net::HTTP\S*|URI\.open|open-uri",
        backquotes=True,
    ),
    "node": Grammar(
        commands=r"execSync|exec|spawnSync|spawn|execFileSync|execFile|\$(?=`)|Deno\.run|Deno\.Command"
        r"|Bun\.spawn\w*",
        delete=r"unlinkSync|unlink|Deno\.removeSync|Deno\.remove",
        delete_tree=r"rmSync|rmdirSync|rmdir|rm|removeSync|emptyDirSync|rimraf\S*|deleteSync",
        move=r"renameSync|rename",
        write=r"writeFileSync|writeFile|createWriteStream|truncateSync",
        read=r"readFileSync|readFile|createReadStream",
        evaluate=r"eval|Function|runInThisContext|runInNewContext",
        decode=r"atob|Buffer\.from|decodeURIComponent|unescape",
        network=r"net\.\w+|require\(['\"](?:node:)?(?:net|tls|dgram|https?)['\"]\)|fetch|https?\.(?:get|request)|axios\S*|WebSocket",
    ),
    "php": Grammar(
        commands=r"system|exec|shell_exec|passthru|popen|proc_open|pcntl_exec",
        delete=r"unlink|rmdir",
        delete_tree=r"deleteDirectory",
        move=r"rename",
        write=r"file_put_contents",
        read=r"file_get_contents|readfile|file|show_source",
        evaluate=r"eval|assert|create_function|include|require",
        decode=r"base64_decode|gzinflate|gzuncompress|str_rot13|hex2bin",
        network=r"fsockopen|stream_socket_client|socket_connect|curl_exec"
        r"|(?:file_get_contents|fopen|include|require)(?:_once)?\s*\(?\s*['\"]https?:",
        backquotes=True,
    ),
    "lua": Grammar(
        commands=r"os\.execute|io\.popen",
        delete=r"os\.remove",
        move=r"os\.rename",
        read=r"io\.open|io\.lines",
        evaluate=r"load|loadstring|dofile",
        network=r"socket\.\w+|require\s*\(?\s*['\"]socket['\"]",
    ),
    "lisp": Grammar(
        commands=r"system\*?|shell-command(?:-to-string)?|async-shell-command|call-process|start-process"
        r"|run-program|sh|shell",
        delete=r"delete-file",
        delete_tree=r"delete-directory",
        write=r"write-region|with-open-file|open-output-file|spit",
        evaluate=r"eval|load",
        network=r"url-retrieve\S*|make-network-process|slurp\s+\"https?:",
    ),
    "other": Grammar(
        commands=r"system2?|exec|run|popen|do\s+shell\s+script|System\.cmd|:?os\.cmd|System\.shell"
        r"|Process\.\w+|ProcessBuilder|pipeline|sh",
        delete=r"File\.rm!?|file\.remove|unlink|rm",
        delete_tree=r"File\.rm_rf!?|deleteDir",
        write=r"writeLines|File\.write!?|writeText",
        evaluate=r"eval|include_string|Code\.eval_string|run\s+script",
        decode=r"base64decode|Base\.decode64!?|decodeBase64",
        network=r"download|url|HTTPoison\S*|httpc\S*|toURL|openConnection|Socket|socketConnection",
        backquotes=True,
    ),
    "awk": Grammar(commands=r"system", network=r"/inet[46]?/(?:tcp|udp)/\S*"),
}

CALL_KINDS = ("commands", "delete", "delete_tree", "move", "write", "read")
NAME_KINDS = ("evaluate", "decode", "network")


def _call(names: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w$@.'\"-])(?:[\w.]*\.)?(?:{names})(?![\w:-])")


def _name(names: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.$@])(?:{names})(?!\w)")


CALLS: Mapping[Language, Mapping[str, re.Pattern[str]]] = {
    language: {kind: _call(names) for kind in CALL_KINDS if (names := getattr(grammar, kind))}
    for language, grammar in GRAMMARS.items()
}
NAMES: Mapping[Language, Mapping[str, re.Pattern[str]]] = {
    language: {kind: _name(names) for kind in NAME_KINDS if (names := getattr(grammar, kind))}
    for language, grammar in GRAMMARS.items()
}
