"""The parts of the confining program that can be looked at without being confined."""

import os
import socket
from pathlib import Path

import pytest

from flowd.domain.boundaries import Drawn
from flowd.domain.ports import Confinement
from flowd.errors import Unsupported
from flowd.exec import confine, sandbox
from flowd.exec.boundaries import bounds_of, project_of
from flowd.exec.bounded import bounds_of_policy
from flowd.exec.removal import remove_tree

ALLOW, EPERM, ENOSYS, EAFNOSUPPORT = 0x7FFF0000, 0x50001, 0x50026, 0x50061
X86, ARM = 0xC000003E, 0xC00000B7


def verdict(
    machine: str, architecture: int, number: int, *arguments: int, any_socket: bool = False
) -> int:
    """Run a filter as the kernel would: classic BPF over struct seccomp_data."""
    words = {0: number, 4: architecture}
    for index, value in enumerate((*arguments, 0, 0, 0, 0, 0, 0)[:6]):
        words[16 + 8 * index] = value & 0xFFFFFFFF
        words[20 + 8 * index] = value >> 32
    program, at, loaded = confine.filter_of(machine, any_socket=any_socket), 0, 0
    while True:
        code, if_true, if_false, operand = program[at]
        at += 1
        match code:
            case 0x20:
                loaded = words[operand]
            case 0x06:
                return operand
            case 0x15:
                at += if_true if loaded == operand else if_false
            case 0x35:
                at += if_true if loaded >= operand else if_false
            case 0x45:
                at += if_true if loaded & operand else if_false
            case _:
                raise AssertionError(f"the kernel knows no {code:#x} here")


@pytest.mark.parametrize(
    ("number_on_x86", "number_on_arm", "arguments", "expected"),
    [
        (0, 63, (), ALLOW),  # read
        (165, 40, (), EPERM),  # mount
        (425, 425, (), ENOSYS),  # io_uring_setup
        (435, 435, (), ENOSYS),  # clone3
        (56, 220, (0x01200011,), ALLOW),  # clone, as fork does it
        (56, 220, (0x10000011,), EPERM),  # clone with a user namespace
        (272, 97, (0x20000,), ALLOW),  # unshare of mounts: the kernel wants a privilege for it
        (272, 97, (0x10000000,), EPERM),
        (41, 198, (1,), ALLOW),  # socket: Unix, IPv4, IPv6, netlink; packets, VMs, crypto
        (41, 198, (2,), ALLOW),
        (41, 198, (10,), ALLOW),
        (41, 198, (16,), ALLOW),
        (41, 198, (17,), EAFNOSUPPORT),
        (41, 198, (40,), EAFNOSUPPORT),
        (41, 198, (38,), EAFNOSUPPORT),
        (53, 199, (1,), ALLOW),
        (16, 29, (0, 0x5413), ALLOW),  # ioctl: the size of a window; typing for somebody
        (16, 29, (0, 0x5412), EPERM),
        (16, 29, (0, 0x1_0000_5412), EPERM),  # the kernel looks at the lower half alone
        (302, 261, (0, 0, 1 << 40), ALLOW),  # prlimit: of oneself; to look; to set another's
        (302, 261, (77, 0, 0), ALLOW),
        (302, 261, (77, 0, 4096), EPERM),
        (302, 261, (77, 0, 1 << 40), EPERM),
    ],
)
def test_system_calls_are_told_apart(
    number_on_x86: int, number_on_arm: int, arguments: tuple[int, ...], expected: int
) -> None:
    assert verdict("x86_64", X86, number_on_x86, *arguments) == expected
    assert verdict("aarch64", ARM, number_on_arm, *arguments) == expected


def test_calls_of_another_architecture_are_refused() -> None:
    assert verdict("x86_64", 0x40000003, 4) == EPERM  # i386
    assert verdict("x86_64", X86, 0x40000000) == EPERM  # x32
    with pytest.raises(confine.CannotConfine, match="riscv64"):
        confine.filter_of("riscv64")


def test_every_socket_is_let_be_where_the_network_is() -> None:
    assert verdict("x86_64", X86, 41, 40, any_socket=True) == ALLOW
    assert verdict("aarch64", ARM, 198, 17, any_socket=True) == ALLOW
    assert verdict("x86_64", X86, 165, any_socket=True) == EPERM


@pytest.mark.parametrize(
    ("version", "truncates", "controls_devices"),
    [(2, False, False), (3, True, False), (4, True, False), (5, True, True), (9, True, True)],
)
def test_only_rights_that_the_kernel_knows_are_asked_for(
    version: int, truncates: bool, controls_devices: bool
) -> None:
    rights = confine.rights_at(version)
    assert (bool(rights & 1 << 14), bool(rights & 1 << 15)) == (truncates, controls_devices)
    assert rights & 1 << 1
    assert rights & 1 << 13


def bounded(drawn: Drawn, **environment: str) -> "confine.Bounds":
    return bounds_of_policy(
        Confinement("off", "/p/q", drawn=drawn, agent="/run/agent"),
        folder="/attempt",
        cwd="/p/q",
        environment=environment,
        own=["/flow"],
        program="/bin/bash",
    )


def test_a_step_without_a_sandbox_is_bounded_by_what_is_drawn_alone(tmp_path: Path) -> None:
    place = os.path.realpath(tmp_path)
    privilege = bounded(Drawn(privilege=False))
    assert not privilege["apart"]
    assert privilege["writable"] == ["/"]
    assert privilege["readable"][0] == "/"
    assert not privilege["capabilities"] & (1 << 6 | 1 << 7)
    network = bounded(Drawn(network=False), SSH_AUTH_SOCK="/elsewhere")
    assert network["apart"]
    assert network["environment"] == {"SSH_AUTH_SOCK": "/elsewhere"}
    assert (network["network"], network["any_socket"], network["reachable"]) == (False, False, [])
    assert network["capabilities"] & 1 << 7
    assert not network["capabilities"] & (1 << 12 | 1 << 13)
    for each in (privilege, network):
        assert not each["capabilities"] & (1 << 16 | 1 << 17 | 1 << 19 | 1 << 21 | 1 << 27)
    writable = bounded(Drawn(writable=((f"{place}/**",),)))
    assert writable["writable"] == [place]
    assert "/run/agent" in writable["reachable"]
    assert "/elsewhere" not in writable["reachable"]
    assert {"/flow", "/p/q/.flow", "/p/.flow"} <= set(writable["fixed"])
    assert (writable["hidden"], writable["private"], writable["caches"]) == ([], {}, [])
    assert writable["environment"] == {"TMPDIR": "/attempt/tmp"} or place.startswith("/tmp")
    assert (writable["landlock"], network["landlock"]) == (3, 2)


def test_sockets_are_found_by_a_look_as_well(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "deep")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{tmp_path}/deep/s")
        assert confine._special_files(str(tmp_path), set()) == [f"{tmp_path}/deep/s"]
        assert confine._special_files(str(tmp_path), {f"{tmp_path}/deep"}) == []
    assert confine._special_files(str(tmp_path / "none"), set()) == []
    assert "/proc" in confine._mounts_but("tmpfs")


def test_both_sides_know_the_exit_code_of_what_could_not_be_confined() -> None:
    assert confine.EXIT == sandbox.NOT_CONFINED


@pytest.mark.parametrize("folder", ["/", "/tmp", "/etc/ssl", "/usr", "/home"])
def test_what_holds_more_than_a_project_is_none(folder: str) -> None:
    with pytest.raises(Unsupported, match="project") as caught:
        project_of(folder)
    assert "sandbox: off" in caught.value.cure


def test_a_home_and_its_keys_are_no_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").touch()
    (tmp_path / ".ssh").mkdir()
    (tmp_path / "work" / "deep").mkdir(parents=True)
    for closed in (tmp_path, tmp_path / ".ssh"):
        with pytest.raises(Unsupported):
            project_of(str(closed))
    # Who keeps a home in a repository does not work on all of it.
    assert project_of(str(tmp_path / "work" / "deep")) == str(tmp_path / "work" / "deep")


def test_the_project_is_the_top_of_the_users_own_repository(tmp_path: Path) -> None:
    (tmp_path / "top" / ".git").mkdir(parents=True)
    (tmp_path / "top" / "below").mkdir()
    below = str(tmp_path / "top" / "below")
    assert project_of(below) == below  # an empty .git is no repository
    (tmp_path / "top" / ".git" / "HEAD").touch()
    assert project_of(below) == str(tmp_path / "top")
    (tmp_path / "top" / "below" / ".git").write_text(f"gitdir: {tmp_path}/elsewhere\n")
    assert project_of(below) == str(tmp_path / "top")


def test_closed_folders_are_removed_and_no_link_is_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o500)
    (outside / "kept").parent.chmod(0o700)
    (outside / "kept").touch()
    outside.chmod(0o500)
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "b" / "file").touch()
    (tree / "a" / "link").symlink_to(outside)
    (tree / "a" / "b").chmod(0)
    (tree / "a").chmod(0o500)
    remove_tree(str(tree))
    assert not tree.exists()
    assert outside.stat().st_mode & 0o777 == 0o500
    outside.chmod(0o700)
    assert [path.name for path in outside.iterdir()] == ["kept"]


def test_credentials_are_hidden_where_variables_say_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GNUPGHOME", "/keys/gnupg")
    bounds = bounds_of(
        Confinement("project", str(tmp_path)),
        folder="/attempt",
        cwd=str(tmp_path),
        environment={
            "HOME": "/home/me",
            "GNUPGHOME": "/elsewhere",  # a workflow's word does not uncover what is ours
            "KUBECONFIG": "/k/one:/k/two",
            "XDG_CONFIG_HOME": "/settings",
            "NETRC": "",
            "SSH_AUTH_SOCK": "/agent",
        },
        own=["/flow"],
    )
    hidden = {"/keys/gnupg", "/k/one", "/k/two", "/settings/gh", "/home/me/.ssh", "/flow"}
    assert hidden <= set(bounds["hidden"])
    assert not {"", "/"} & set(bounds["hidden"])
    assert "SSH_AUTH_SOCK" not in bounds["environment"]
    assert bounds["network"]
