"""What a confined step begins as: this program brings itself within bounds and becomes its command.

    python -I -S … ORDER -- COMMAND…          (`sandbox.py` has the whole line)

ORDER is a file that the daemon wrote (`Bounds`, marshalled). Nothing of the step's own comes near
this program before the bounds stand, its environment included: that is in the order. What cannot
be applied keeps the command from running: exit code 125, the reason on stderr, and the order stays
where it is. Standard library only; it must start quickly and lean on nothing of the step's.

Four walls, each closed by the kernel for good and for all descendants:

    mounts      a mount namespace: everything is read-only but what is named; what is hidden lies
                under something empty; /tmp, /dev, /run are the attempt's own. chmod and the like
                are stopped here, which Landlock does not know (mount_namespaces(7), open_tree(2))
    Landlock    nothing is written, or read, outside of what is named; no signal, no ptrace, no
                abstract socket, no /proc/PID/root to a process outside, and no more mounting
                (Documentation/userspace-api/landlock.rst; the rights are those of ABI 7)
    seccomp     no other kinds of sockets, io_uring, keyrings, namespaces, TIOCSTI, 32-bit calls
                (Documentation/userspace-api/seccomp_filter.rst)
    privileges  no_new_privs: no setuid program works; root keeps the capabilities that are named

How high they are is the order's to say: a step with a sandbox is kept in by all of them
(`boundaries.py`), another one within what the user's policy draws (`bounded.py`).

For a user these are made in a user namespace; root on a machine of its own needs none.
"""
# Paths are strings here: pathlib would double the time this program takes to start.
# ruff: noqa: PTH102, PTH103, PTH108, PTH110, PTH112, PTH114, PTH116, PTH120, PTH123, PTH208, PTH211

import ctypes
import fcntl
import marshal
import os
import stat
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypedDict

    class Bounds(TypedDict):
        """Every path is absolute. What is not there is passed over, but for `folder` and `cwd`.

        Deeper paths win: what is writable below something hidden is to be seen.
        """

        environment: dict[str, str]
        cwd: str
        folder: str  # the attempt's own, writable
        writable: list[str]  # by their real names; with "/" everything is
        readable: list[str]  # with "/" everything is; the attempt's own is in any case
        fixed: list[str]  # read-only, within something writable
        hidden: list[str]  # files and folders that are to be empty and unreadable
        private: dict[str, str]  # folder: the folder that stands in for it, writable
        shown: list[str]  # read-only, within something hidden or private
        layers: list[tuple[str, str, str]]  # folder, upper, work: written in the upper one
        caches: list[tuple[str, str, str]]  # folder, name of its layer, variable if it is missing
        layers_in: str  # where the layers of caches are made
        homes: list[str]  # what `caches` are seen from
        only: list[str]  # names in / that are to be seen, when not all are
        reachable: list[str]  # where sockets with a name are not covered, besides `writable`
        network: bool
        apart: bool  # in namespaces of its own: without them, all of the above is as for all
        any_socket: bool  # of every kind, not only Unix, IP and netlink
        scoped: int  # what Landlock keeps from processes outside: 1 abstract sockets, 2 signals
        landlock: int  # the least version that holds this
        capabilities: int  # that root keeps, a bit for each


EXIT = 125
PREFIX = "FLOW_SECRET_"  # of variables that are in the environment only, under another name
_SCOPES_SINCE = 6  # Linux 6.12: from there on Landlock stops signals and abstract sockets

_AT_FDCWD, _AT_EMPTY_PATH, _AT_RECURSIVE = -100, 0x1000, 0x8000
_RESOLVE_NO_SYMLINKS = 4
_OPEN_TREE_CLONE, _MOVE_MOUNT_F_EMPTY_PATH = 1, 4
_RDONLY = 1
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_NEWNS, _NEWUSER, _NEWIPC, _NEWNET = 0x20000, 0x10000000, 0x08000000, 0x40000000
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_BLANK = "/dev/.blank"

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (*(ctypes.c_char_p,) * 3, ctypes.c_ulong, ctypes.c_char_p)
_libc.syscall.restype = ctypes.c_long


class CannotConfine(Exception):
    """What was promised cannot be kept here."""


def _call(what: str, number: int, *arguments: object) -> int:
    """Make a system call. CannotConfine when the kernel refuses."""
    result = int(_libc.syscall(ctypes.c_long(number), *map(_in_c, arguments)))
    return _checked(what, result)


def _in_c(value: object) -> object:
    return ctypes.c_long(value) if isinstance(value, int) else value


def _checked(what: str, result: int) -> int:
    if result < 0:
        raise CannotConfine(f"{what}: {os.strerror(ctypes.get_errno())}")
    return result


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    arguments = (os.fsencode(source), os.fsencode(target), kind.encode(), flags, os.fsencode(data))
    _checked(f"{kind or 'a change'} at {target}", _libc.mount(*arguments))


# ---------------------------------------------------------------------------------- namespaces


def enter_namespaces(*, network: bool) -> bool:
    """Get mounts, IPC and perhaps a network of our own; say whether in a user namespace."""
    flags = _NEWNS | _NEWIPC | (0 if network else _NEWNET)
    user, group = os.geteuid(), os.getegid()
    in_user_namespace = user != 0 or _libc.unshare(flags) != 0
    if in_user_namespace:
        _checked("no user namespace", _libc.unshare(flags | _NEWUSER))
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as map_:
                map_.write(text)
    _mount("none", "/", "", _MS_REC | _MS_PRIVATE)
    if not network:
        _raise_loopback()
    return in_user_namespace


def _raise_loopback() -> None:
    """Let the step talk to itself: 127.0.0.1 of the new network is down to begin with."""
    descriptor = _checked("a socket", _libc.socket(2, 2, 0))
    request = struct.pack("16sH22x", b"lo", 0x41)  # IFF_UP | IFF_RUNNING
    _checked("the loopback", _libc.ioctl(descriptor, ctypes.c_ulong(0x8914), request))
    os.close(descriptor)


# -------------------------------------------------------------------------------------- mounts


def _clone(path: str, *, exact: bool = False) -> int:
    """Give a mount of what is at the path now, with all below it, that is nowhere as yet.

    `exact` takes no link on the way: something that an earlier step left running may put one there.
    """
    flags = _OPEN_TREE_CLONE | os.O_CLOEXEC | _AT_RECURSIVE
    if exact:
        how = struct.pack("QQQ", os.O_PATH | os.O_CLOEXEC, 0, _RESOLVE_NO_SYMLINKS)
        place = _call(f"{path} cannot be written to", 437, _AT_FDCWD, os.fsencode(path), how, 24)
        tree = _call(f"{path} cannot be mounted", 428, place, b"", flags | _AT_EMPTY_PATH)
        os.close(place)
        return tree
    return _call(f"{path} cannot be mounted", 428, _AT_FDCWD, os.fsencode(path), flags)


def _attach(tree: int, target: str) -> None:
    arguments = (tree, b"", _AT_FDCWD, os.fsencode(target), _MOVE_MOUNT_F_EMPTY_PATH)
    _call(f"{target} cannot be mounted upon", 429, *arguments)
    os.close(tree)


def _make_read_only(descriptor: int, path: str, *, below: bool) -> None:
    attributes = struct.pack("QQQQ", _RDONLY, 0, 0, 0)
    flags = (_AT_RECURSIVE if below else 0) | (0 if path else _AT_EMPTY_PATH)
    arguments = (descriptor, os.fsencode(path), flags, attributes, len(attributes))
    _call(f"{path or 'a mount'} cannot be made read-only", 442, *arguments)


def _depth(path: str) -> int:
    return path.count("/")


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def build_view(bounds: "Bounds", sockets: list[str], *, in_user_namespace: bool) -> list[str]:
    """Rebuild what the step will see of the file system; give the places it may write to.

    These are all of them, but where everything is writable.
    """
    folders = {path: source for path, source in bounds["private"].items() if _is_place(path)}
    private = {path: _clone(source) for path, source in folders.items()}
    writable = {bounds["folder"]: _clone(bounds["folder"])}
    for path in filter(os.path.lexists, bounds["writable"]):
        if path != "/":
            writable[path] = _clone(path, exact=True)
    writable |= _layers(bounds, in_user_namespace=in_user_namespace)
    shown = _there(bounds["shown"])
    read_only = {path: _clone(path) for path in shown}
    for path in _there(bounds["fixed"]):
        # A link of the step's own making must not have us show it what is hidden.
        if any(_within(path, place) for place in (bounds["folder"], *bounds["writable"])):
            read_only[path] = _clone(path, exact=True)
    for tree in read_only.values():
        _make_read_only(tree, "", below=True)
    trees = {**private, **writable, **read_only}
    hidden = {*_there(bounds["hidden"]), *_rest_of_root(bounds["only"])}
    own_devices = has_own_devices(bounds)
    over = [*private, *writable, *shown, *hidden, *(["/dev"] if own_devices else [])]
    over += bounds["reachable"]
    covered = {path for path in sockets if not any(_within(path, place) for place in over)}

    devices = {}
    if own_devices:
        named = [path for name in _DEVICES if os.path.exists(path := f"/dev/{name}")]
        devices = {path: _clone(path) for path in named}
        devices |= {path: trees.pop(path) for path in writable if _within(path, "/dev")}
    if not _all(bounds["writable"]):
        _make_read_only(_AT_FDCWD, "/", below=True)
    if own_devices:
        _make_devices(devices)
    blank = _BLANK if own_devices else "/dev/null"
    targets = {*trees, *hidden, *covered}
    emptied = []
    for target in sorted(targets, key=_depth):
        if target in trees:
            _make_place(target, is_folder=stat.S_ISDIR(os.fstat(trees[target]).st_mode))
            _attach(trees[target], target)
        elif os.path.isdir(target):
            holds = any(_within(other, target) and other != target for other in targets)
            mode = "mode=755" if holds else "mode=000"
            _mount("tmpfs", target, "tmpfs", _MS_NOSUID | _MS_NODEV, mode)
            emptied.append(target)
        elif os.path.lexists(target):
            _attach(_clone(blank), target)
    for target in emptied:
        _make_read_only(_AT_FDCWD, target, below=False)
    return [*private, *writable, *(["/dev"] if own_devices else [])]


def has_own_devices(bounds: "Bounds") -> bool:
    """Whether the step gets a /dev of its own: a disk's device would lead to all its files."""
    everything = _all(bounds["writable"]) and _all(bounds["readable"])
    return not everything and "/dev" not in bounds["writable"]


def _all(places: list[str]) -> bool:
    return "/" in places


def _is_place(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _layers(bounds: "Bounds", *, in_user_namespace: bool) -> dict[str, int]:
    """Lay a folder over each of some others, which takes what is written to them.

    Where the kernel refuses that for a cache of tools, an empty folder stands in for it; and where
    there is no such cache, the tools are told of one in /tmp.
    """
    trees = {
        target: _layer(target, upper, work, in_user_namespace=in_user_namespace)
        for target, upper, work in bounds["layers"]
    }
    for place, name, variable in bounds["caches"]:
        found = [path for home in bounds["homes"] if _is_place(path := f"{home}/{place}")]
        for number, path in enumerate(found):
            base = f"{bounds['layers_in']}/{name}.{number}"
            upper, work = f"{base}/upper", f"{base}/work"
            os.makedirs(upper)
            os.makedirs(work)
            target = os.path.realpath(path)
            try:
                trees[target] = _layer(target, upper, work, in_user_namespace=in_user_namespace)
            except CannotConfine:
                trees[target] = _clone(upper)
        if not found and variable:
            bounds["environment"].setdefault(variable, f"/tmp/{name}")  # noqa: S108
    return trees


def _layer(target: str, upper: str, work: str, *, in_user_namespace: bool) -> int:
    options = {"lowerdir": target, "upperdir": upper, "workdir": work}
    data = ",".join(f"{name}={_escaped(path)}" for name, path in options.items())
    _mount("overlay", target, "overlay", 0, data + (",userxattr" if in_user_namespace else ""))
    return _clone(target)


def _escaped(path: str) -> str:
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")


def _there(paths: list[str]) -> list[str]:
    """Give what is there, by its real name: a link is no place to mount upon."""
    return [os.path.realpath(path) for path in paths if os.path.exists(path)]


def _rest_of_root(only: list[str]) -> list[str]:
    names = os.listdir("/") if only else []
    return [f"/{name}" for name in names if name not in only and not os.path.islink(f"/{name}")]


def _make_place(target: str, *, is_folder: bool) -> None:
    """Make sure that there is something to mount upon: what lay above may have been emptied."""
    if os.path.lexists(target):
        return
    os.makedirs(target if is_folder else os.path.dirname(target), exist_ok=True)
    if not is_folder:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))


def _make_devices(devices: dict[str, int]) -> None:
    """Make a /dev of its own: no disks, no cameras, and nobody else's terminals."""
    _mount("tmpfs", "/dev", "tmpfs", _MS_NOSUID | _MS_NOEXEC, "mode=755")
    for name, mode in (("shm", 0o1777), ("pts", 0o755), ("mqueue", 0o755)):
        os.mkdir(f"/dev/{name}", mode)
    _mount("tmpfs", "/dev/shm", "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=1777")  # noqa: S108
    _mount("devpts", "/dev/pts", "devpts", _MS_NOSUID | _MS_NOEXEC, "newinstance,ptmxmode=0666")
    os.symlink("pts/ptmx", "/dev/ptmx")
    os.symlink("/proc/self/fd", "/dev/fd")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"/dev/{name}")
    for path, tree in devices.items():
        _make_place(path, is_folder=stat.S_ISDIR(os.fstat(tree).st_mode))
        _attach(tree, path)
    os.close(os.open(_BLANK, os.O_CREAT | os.O_CLOEXEC, 0))
    _make_read_only(_AT_FDCWD, "/dev", below=False)


def listening_sockets() -> list[str]:
    """Give the Unix sockets that have a name: who can reach one can have things done outside.

    The kernel's table is of our own network; those of others, as of a docker without root, are in
    /run as well.
    """
    with open("/proc/net/unix", encoding="utf-8", errors="surrogateescape") as table:
        lines = [line.rstrip("\n").split(None, 7) for line in table]
    named = {fields[7] for fields in lines if len(fields) == 8 and fields[7].startswith("/")}
    named.update(_special_files("/run", _mounts_but("tmpfs")))
    return [os.path.realpath(path) for path in named if _is_socket(path)]


def _mounts_but(kind: str) -> set[str]:
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as table:
        return {fields[1] for line in table if (fields := line.split())[2] != kind}


def _special_files(folder: str, foreign: set[str]) -> list[str]:
    """Give what is neither file, folder nor link; `foreign` mounts, remote perhaps, are let be."""
    found, waiting = [], [folder]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:  # not for us
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting += [entry.path] if entry.path not in foreign else []
            elif not (entry.is_file(follow_symlinks=False) or entry.is_symlink()):
                found.append(entry.path)
    return found


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False


# ---------------------------------------------------------------- privileges, Landlock, seccomp


def drop_privileges(capabilities: int) -> None:
    """Give up what no step needs, for good: as root too, and whatever it executes."""
    _checked("no_new_privs", _libc.prctl(38, 1, 0, 0, 0))
    _libc.prctl(47, 4, 0, 0, 0)  # PR_CAP_AMBIENT_CLEAR_ALL
    for capability in range(64):
        if not capabilities >> capability & 1:
            _libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP; fails above the last one
    header = struct.pack("II", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3
    had = ctypes.create_string_buffer(24)
    _checked("capabilities", _libc.capget(header, had))
    permitted = struct.unpack("6I", had)[1]
    kept = capabilities & permitted if os.geteuid() == 0 else 0
    _checked("capabilities", _libc.capset(header, struct.pack("6I", kept, kept, 0, 0, 0, 0)))


_MOVING = 1 << 13  # to another folder: Landlock refuses it unless told otherwise
_WRITING = 1 << 1 | sum(1 << bit for bit in range(4, 16))  # all but executing and reading
_WRITING_SINCE = {3: 1 << 14, 5: 1 << 15}  # truncating, ioctl of devices
_READING = 1 << 0 | 1 << 2 | 1 << 3  # executing, reading files, listing folders
_MAKING_DEVICES = 1 << 6 | 1 << 11
_ON_FILES = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15  # what there is to allow of a file


def landlock_version() -> int:
    """Give the version of Landlock that the kernel offers, 0 when it offers none."""
    return max(0, int(_libc.syscall(ctypes.c_long(444), None, 0, 1)))


def rights_at(version: int) -> int:
    """Give the rights to write that a version of Landlock can hold back."""
    unknown = sum(right for since, right in _WRITING_SINCE.items() if version < since)
    return _WRITING & ~unknown


def restrict_by_landlock(bounds: "Bounds", own: list[str]) -> None:
    """Let nothing be written, or read, but below what is named, and no process be looked into.

    `own` are the places of the view that may be written to; what was made for the step may be read.
    """
    version = landlock_version()
    if version < bounds["landlock"]:
        raise CannotConfine(f"Landlock {bounds['landlock']} is needed, the kernel has {version}")
    writing = _MOVING if _all(bounds["writable"]) else rights_at(version)
    reading = 0 if _all(bounds["readable"]) else _READING
    scoped = bounds["scoped"] if version >= _SCOPES_SINCE else 0
    rules = _call("no Landlock rules", 444, struct.pack("QQQ", writing | reading, 0, scoped), 24, 0)
    writing &= ~_MAKING_DEVICES
    for path in ["/"] if _all(bounds["writable"]) else own:
        _allow(rules, path, writing)
    if reading:
        own = [path for path in own if path not in bounds["writable"]]
        for path in filter(os.path.exists, [bounds["folder"], *own, *bounds["readable"]]):
            _allow(rules, path, reading)
    for number in range(3):  # its terminal, and files that it may open again by /dev/stdout
        if not stat.S_ISFIFO(os.fstat(number).st_mode):
            mode = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE
            rights = {os.O_RDONLY: reading, os.O_WRONLY: writing}.get(mode, reading | writing)
            _allow(rules, f"/proc/self/fd/{number}", rights)
    _call("Landlock", 446, rules, 0)
    os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
        rights &= _ON_FILES
    if rights:
        rule = struct.pack("<Qi", rights, descriptor)
        _call(f"Landlock does not know {path}", 445, rules, 1, rule, 0)
    os.close(descriptor)


# Numbers of system calls: on x86_64, on aarch64 (None: there is none). Sources: the kernel's
# syscall_64.tbl and include/uapi/asm-generic/unistd.h.
_REFUSED: dict[str, tuple[int | None, int]] = {
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "setns": (308, 268),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "swapon": (167, 224),
    "userfaultfd": (323, 282),
}
# These look as if the kernel had none of them, which every program is prepared for.
_ABSENT: dict[str, tuple[int | None, int]] = {
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "clone3": (435, 435),  # its flags cannot be looked at: glibc goes on with clone
}
_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_FAMILIES = (1, 2, 10, 16)  # AF_UNIX, AF_INET, AF_INET6, AF_NETLINK
_TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX

_LOAD, _EQUAL, _AT_LEAST, _ANY, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_EPERM, _ENOSYS, _EAFNOSUPPORT = 1, 38, 97

Instruction = tuple[int, int, int, int]


def filter_of(machine: str, *, any_socket: bool = False) -> list[Instruction]:
    """Give the seccomp program for a machine (as `uname -m` says). CannotConfine for others."""
    if machine not in _ARCHITECTURES:
        raise CannotConfine(f"no seccomp filter is known for {machine}")
    architecture, column = _ARCHITECTURES[machine]
    program: list[Instruction] = [
        (_LOAD, 0, 0, 4),  # the architecture
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _REFUSE | _EPERM),
        (_LOAD, 0, 0, 0),  # the number
    ]
    if machine == "x86_64":
        program += [(_AT_LEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, _REFUSE | _EPERM)]  # x32
    for table, error in ((_REFUSED, _EPERM), (_ABSENT, _ENOSYS)):
        for numbers in table.values():
            number = numbers[column]
            if number is not None:
                program += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE | error)]
    refuse: Instruction = (_RETURN, 0, 0, _REFUSE | _EPERM)
    allow: Instruction = (_RETURN, 0, 0, _ALLOW)

    def when(number: int, tests: list[Instruction]) -> None:
        program.extend([(_EQUAL, 0, len(tests), number), *tests])

    unshare, clone = ((272, 56), (97, 220))[column]
    for call in (unshare, clone):
        when(call, [_argument(0), (_ANY, 0, 1, _NEWUSER), refuse, allow])
    ioctl = (16, 29)[column]
    requests = [(_EQUAL, 0, 1, request) for request in _TERMINAL_INPUT]
    when(ioctl, [_argument(1), *_each(requests, refuse), allow])
    no_family: Instruction = (_RETURN, 0, 0, _REFUSE | _EAFNOSUPPORT)
    for call in () if any_socket else ((41, 53), (198, 199))[column]:  # socket, socketpair
        families: list[Instruction] = [(_EQUAL, 0, 1, family) for family in _FAMILIES]
        when(call, [_argument(0), *_each(families, allow), no_family])
    # A limit on somebody else's CPU time is a way to kill it. (Of oneself, the number is 0.)
    prlimit = (302, 261)[column]
    own: list[Instruction] = [_argument(0), (_EQUAL, 0, 1, 0), allow]
    asking: list[Instruction] = [
        (_LOAD, 0, 0, 32),
        (_EQUAL, 0, 2, 0),
        (_LOAD, 0, 0, 36),
        (_EQUAL, 1, 0, 0),
        refuse,
        allow,
    ]
    when(prlimit, own + asking)
    return [*program, allow]


def _argument(index: int) -> Instruction:
    return (_LOAD, 0, 0, 16 + 8 * index)  # the lower half, on little-endian machines


def _each(tests: list[Instruction], then: Instruction) -> list[Instruction]:
    return [instruction for test in tests for instruction in (test, then)]


def filter_system_calls(*, any_socket: bool) -> None:
    """Refuse the system calls that lead out, or that no step needs."""
    program_here = filter_of(os.uname().machine, any_socket=any_socket)
    instructions = b"".join(struct.pack("HBBI", *one) for one in program_here)
    buffer = ctypes.create_string_buffer(instructions)
    program = struct.pack("H6xQ", len(instructions) // 8, ctypes.addressof(buffer))
    _checked("seccomp", _libc.prctl(22, 2, program, 0, 0))


# ---------------------------------------------------------------------------------------- main


def confine(bounds: "Bounds") -> None:
    """Bring this process within the bounds. CannotConfine, or OSError, when it cannot be done."""
    own: list[str] = []
    if bounds["apart"]:
        sockets = listening_sockets()  # before: a new network has a table of its own
        in_user_namespace = enter_namespaces(network=bounds["network"])
        own = build_view(bounds, sockets, in_user_namespace=in_user_namespace)
    try:
        os.chdir(bounds["cwd"])  # anew: where we are is beneath what was mounted
    except OSError as error:
        raise CannotConfine(f"{bounds['cwd']} cannot be entered: {error.strerror}") from error
    drop_privileges(bounds["capabilities"])
    restrict_by_landlock(bounds, own)
    filter_system_calls(any_socket=bounds["any_socket"])


def _environment(bounds: "Bounds") -> dict[str, str]:
    """The command's environment: what was written down, and the secrets, which were not."""
    secrets = {
        name.removeprefix(PREFIX): value
        for name, value in os.environ.items()
        if name.startswith(PREFIX)
    }
    return bounds["environment"] | secrets


def main() -> None:
    """Confine, then become the command."""
    order, command = sys.argv[1], sys.argv[3:]
    for number in (13, 25):  # SIGPIPE and SIGXFSZ, which Python ignores
        _libc.signal(number, None)  # as the module would, whose import takes longer than all we do
    try:
        with open(order, "rb") as file:
            bounds: Bounds = marshal.loads(file.read())  # noqa: S302  # the daemon's own
        confine(bounds)
        os.unlink(order)
        os.execve(command[0], command, _environment(bounds))  # noqa: S606
    except (CannotConfine, OSError, ValueError) as error:
        print(f"flow: not run, for it cannot be confined: {error}", file=sys.stderr)
        os.close(os.open(order, os.O_CREAT | os.O_WRONLY, 0o600))
        sys.exit(EXIT)
