"""What a step might try to get out of its sandbox; run by a step, with the system's own Python.

    python3 attack.py FACTS

FACTS is a file of JSON: where everything is that the step is to keep away from. Each attempt is a
function; it gets through when it returns, and a line on stdout says so. Nothing here needs more
than the standard library, and nothing here harms what is not the test's own.
"""

import ctypes
import json
import os
import resource
import signal
import socket
import sys
from pathlib import Path

FACTS = json.loads(Path(sys.argv[1]).read_text())
OUTSIDE, HOME, VICTIM = Path(FACTS["outside"]), Path(FACTS["home"]), FACTS["victim"]
LIBC = ctypes.CDLL(None, use_errno=True)


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


# ------------------------------------------------------------------------------------- files


def write_outside():
    (OUTSIDE / "new").write_text("x")


def write_by_a_link():
    Path("link").symlink_to(OUTSIDE)
    Path("link/by-link").write_text("x")


def overwrite_outside():
    (OUTSIDE / "precious").write_text("x")


def truncate_outside():
    os.truncate(OUTSIDE / "precious", 0)


def rename_out():
    Path("mine").write_text("x")
    Path("mine").rename(OUTSIDE / "mine")


def link_in():
    os.link(OUTSIDE / "precious", "its-other-name")
    Path("its-other-name").write_text("x")


def delete_outside():
    (OUTSIDE / "to-delete").unlink()


def change_mode_outside():
    (OUTSIDE / "precious").chmod(0o777)


def change_times_outside():
    os.utime(OUTSIDE / "precious", (0, 0))


def write_by_an_open_folder():
    folder = os.open(OUTSIDE, os.O_RDONLY | os.O_DIRECTORY)
    os.close(os.open("by-descriptor", os.O_CREAT | os.O_WRONLY, dir_fd=folder))


def write_to_start_up_file():
    with (HOME / ".profile").open("a") as file:
        file.write("\n")


def change_the_kernel():
    Path("/proc/sys/kernel/hostname").write_text(Path("/proc/sys/kernel/hostname").read_text())


def read_a_key():
    assert (HOME / ".ssh" / "id_x").read_text() == "PRIVATE KEY\n"


def read_a_key_by_a_link():
    Path("key").symlink_to(HOME / ".ssh" / "id_x")
    assert Path("key").read_text() == "PRIVATE KEY\n"


def read_a_token():
    assert (HOME / ".netrc").read_text() == "TOKEN\n"


def read_the_runs():
    assert Path(FACTS["flow_home"], "flow.db").read_bytes()


def read_a_device():
    Path("/dev/kmsg").stat()


def write_a_hook():
    Path(".git/hooks/pre-commit").write_text("#!/bin/sh\n")


def write_git_settings():
    with Path(".git/config").open("a") as file:
        file.write("\n")


def replace_git_settings():
    Path(".git/config.new").write_text(Path(".git/config").read_text())
    Path(".git/config.new").rename(".git/config")


def move_git_away():
    Path(".git").rename("git-moved")
    Path("git-moved").rename(".git")


def loosen_the_policy():
    with Path(".flow/policy.yaml").open("a") as file:
        file.write("\n")


# --------------------------------------------------------------------------------- processes


def signal_a_process():
    os.kill(VICTIM, signal.SIGURG)  # nobody minds it


def signal_it_from_a_session_of_its_own():
    child = os.fork()
    if not child:
        try:
            os.setsid()
            signal_a_process()
        except OSError:
            os._exit(1)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        raise PermissionError("the child was not allowed to")


def signal_the_daemon():
    os.kill(FACTS["daemon"], 0)


def limit_a_process():
    resource.prlimit(VICTIM, resource.RLIMIT_CORE, resource.prlimit(VICTIM, resource.RLIMIT_CORE))


def trace_a_process():
    checked(LIBC.ptrace(0x4206, VICTIM, None, None))  # PTRACE_SEIZE; our end lets go of it


def read_its_memory():
    os.close(os.open(f"/proc/{VICTIM}/mem", os.O_RDONLY))


def write_its_memory():
    os.close(os.open(f"/proc/{VICTIM}/mem", os.O_RDWR))


def read_its_environment():
    assert Path(f"/proc/{VICTIM}/environ").read_bytes()


def see_with_its_eyes():
    assert (Path(f"/proc/{VICTIM}/root") / str(HOME / ".ssh" / "id_x").lstrip("/")).read_text()


def take_its_descriptor():
    pidfd = os.pidfd_open(VICTIM)
    checked(LIBC.syscall(438, pidfd, 0, 0))  # pidfd_getfd


def get_new_namespaces():
    checked(LIBC.unshare(0x10000000))  # CLONE_NEWUSER


# ------------------------------------------------------------------------------- being asked


def _ask(address):
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(address)


def ask_the_daemon():
    _ask(FACTS["socket"])


def ask_a_service():
    _ask(FACTS["service"])


def ask_an_abstract_socket():
    _ask("\0" + FACTS["abstract"])


# ----------------------------------------------------------------------------------- network


def connect_by_tcp():
    socket.create_connection(("127.0.0.1", FACTS["tcp"]), 2).close()


def be_answered_by_udp():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.5)
        asking.sendto(b"?", ("127.0.0.1", FACTS["udp"]))
        assert asking.recv(10) == b"!"


def open_a_raw_socket():
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()


NETWORK = [connect_by_tcp, be_answered_by_udp]
OF_ROOT = [change_the_kernel, open_a_raw_socket, read_a_device]


def main(names):
    own = [value for value in names.values() if callable(value) and hasattr(value, "__code__")]
    for attempt in [value for value in own if value.__module__ == names["__name__"]]:
        if attempt in (checked, main) or attempt.__name__.startswith("_"):
            continue
        try:
            attempt()
        except (OSError, AssertionError) as error:
            print(f"kept out: {attempt.__name__}: {error}", flush=True)
        else:
            print(f"got through: {attempt.__name__}", flush=True)


if __name__ == "__main__":
    main(globals())
