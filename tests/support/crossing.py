"""What a step might try to get across the boundaries of a policy, with what is in `attack.py`.

    python3 crossing.py FACTS

None of these is kept from a step with `sandbox: project`, which may read what is no secret.
"""

import os
import socket
import subprocess
from pathlib import Path

import attack
from attack import FACTS, OUTSIDE, VICTIM


def read_outside():
    assert (OUTSIDE / "precious").read_bytes()


def read_by_a_link():
    Path("read-link").symlink_to(OUTSIDE / "precious")
    assert Path("read-link").read_bytes()


def read_by_proc():
    assert Path(f"/proc/self/root{OUTSIDE}/precious").read_bytes()


def read_with_the_eyes_of_another():
    assert Path(f"/proc/{VICTIM}/root{OUTSIDE}/precious").read_bytes()


def read_by_moving_it_here():
    os.link(OUTSIDE / "to-link", "linked")
    assert Path("linked").read_bytes()


def list_outside():
    assert list(OUTSIDE.iterdir())


def run_a_program_outside():
    subprocess.run([OUTSIDE / "program"], check=True)


def make_a_folder_outside():
    (OUTSIDE / "folder").mkdir()


def link_out():
    Path("to-link-out").write_text("x")
    os.link("to-link-out", OUTSIDE / "link-out")


def rename_in():
    (OUTSIDE / "to-move").rename("moved")


def change_owner_outside():
    os.chown(OUTSIDE / "precious", os.getuid(), os.getgid())


def write_as_another_process_sees_it():
    Path(f"/proc/{VICTIM}/root{OUTSIDE}/by-proc").write_text("x")


def write_to_a_pipe():
    os.close(os.open(OUTSIDE / "pipe", os.O_RDWR))  # which a read-only mount does not forbid


def leave_something_running():
    if os.fork() == 0:
        os.setsid()
        try:
            (OUTSIDE / "left").write_text("x")
        except OSError:
            os._exit(1)
        os._exit(0)
    if os.wait()[1]:
        raise PermissionError("what was left running was not allowed to")


def become_another_by_a_program():
    said = subprocess.run([OUTSIDE / "setuid-id", "-u"], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == str(FACTS["other"]), "it runs as whoever began it"


def become_another():
    if os.fork() == 0:
        try:
            os.setuid(FACTS["other"])
        except OSError:
            os._exit(1)
        os._exit(0)
    if os.wait()[1]:
        raise PermissionError("setuid")


def ask_the_agent():
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(FACTS["agent"])


def open_a_socket_of_another_kind():
    socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()


def change_the_rules():
    Path(FACTS["policy"]).write_text("")


def move_the_rules_away():
    moved = Path(FACTS["home"], "moved")
    Path(FACTS["policy"]).parent.rename(moved)
    moved.rename(Path(FACTS["policy"]).parent)


if __name__ == "__main__":
    attack.main(globals())  # first: the others end with namespaces of their own, if they get them
    attack.main(vars(attack))
