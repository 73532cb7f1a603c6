"""Processes, services, users, schedules and the kernel."""

import re
from collections.abc import Iterator
from itertools import pairwise

from flowd.domain.ports import Finding
from flowd.safety.command import Command, split
from flowd.safety.findings import block, confirm
from flowd.safety.rules.table import Rule, Rules
from flowd.safety.state import State
from flowd.safety.tables import listed

_SERVICE_CHANGES = listed(
    "stop restart start reload kill disable enable mask unmask isolate poweroff "
    "reboot halt suspend hibernate rescue emergency kexec daemon-reexec "
    "try-restart reload-or-restart set-default preset revert edit link "
    "switch-root exit soft-reboot default set-property reenable force-reload "
    "condrestart stop-all"
)
_STRONG_SIGNAL = re.compile(r"-(?:9|KILL|SIGKILL|s9)|-?(?:STOP|SIGSTOP)", re.IGNORECASE)


def _kill(command: Command, _state: State) -> Iterator[Finding]:
    arguments = command.arguments
    if command.has_word("-l", "-L", "--list", "-0", "--help"):
        return
    strong = any(_STRONG_SIGNAL.fullmatch(argument.text) for argument in arguments) or any(
        first.text in ("-s", "--signal", "-n") and second.text in ("9", "KILL", "SIGKILL")
        for first, second in pairwise(arguments)
    )
    everything = any(a.text in ("-1", "1", "0") for a in arguments[1:]) or (
        bool(arguments) and arguments[-1].text in ("-1", "1")
    )
    if everything:
        yield confirm(
            "processes.kill-all", "Ends every process of yours, or the first of all.", command.span
        )
    elif strong:
        yield confirm(
            "processes.kill",
            "Ends a process without letting it finish its work.",
            command.span,
            "kill PID asks it to end first.",
        )


def _kill_by_name(command: Command, _state: State) -> Iterator[Finding]:
    if command.arguments and not command.has_word(
        "-l", "--list", "-0", "--help", "-V", "--version"
    ):
        yield confirm(
            "processes.kill-by-name",
            "Ends every process that matches.",
            command.span,
            "pgrep with the same words shows which ones.",
        )


def _service_manager(command: Command, _state: State) -> Iterator[Finding]:
    options = split(
        command.arguments,
        listed(
            "-t -p -P -o -n -H -M -s --type --property --output --lines --host --machine --signal"
        ),
    )
    action = options.operands[0].text if options.operands else ""
    if action in _SERVICE_CHANGES and not options.has("--dry-run", "--help"):
        verb = "Stops or restarts" if action not in ("start", "enable", "unmask") else "Starts"
        yield confirm("processes.service", f"{verb} a service ({action}).", command.span)


_LOOKS = ("-l", "--list", "-h", "-Q", "--skip-kernel-load")
"""Options with which the tools of SELinux and AppArmor only show something."""


def _machine_settings(command: Command, _state: State) -> Iterator[Finding]:
    action = next((a.text for a in command.arguments if not a.text.startswith("-")), "")
    if action.startswith("set-") or (action == "hostname" and len(command.arguments) > 1):
        message = f"Changes a setting of this machine ({action})."
        yield confirm("processes.machine-setting", message, command.span)


def _service(command: Command, _state: State) -> Iterator[Finding]:
    """`service NAME ACTION`, `initctl ACTION NAME`, `launchctl ACTION` and their like."""
    changes = _SERVICE_CHANGES | {
        "unload",
        "bootout",
        "remove",
        "load",
        "bootstrap",
        "kickstart",
        "submit",
    }
    hit = next((a for a in command.arguments if a.text in changes), None)
    if hit is not None:
        yield confirm("processes.service", f"Starts or stops a service ({hit.text}).", command.span)


def _machine(command: Command, _state: State) -> Iterator[Finding]:
    if command.has_word("--help", "-c", "--version", "-w", "--wtmp-only", "-k"):
        return
    yield confirm("processes.machine", "Stops or restarts the machine.", command.span)


def _run_level(command: Command, _state: State) -> Iterator[Finding]:
    if command.has_word("0", "1", "6", "s", "S", "q"):
        yield confirm("processes.machine", "Stops or restarts the machine.", command.span)


def _schedule(command: Command, _state: State) -> Iterator[Finding]:
    options = split(command.arguments, listed("-u"))
    if options.has("-r"):
        yield confirm(
            "processes.schedule-delete",
            "Deletes all scheduled jobs.",
            command.span,
            "crontab -l > backup keeps a copy.",
        )
    elif options.operands:
        yield confirm("processes.schedule", "Replaces all scheduled jobs.", command.span)


def _add_user(command: Command, _state: State) -> Iterator[Finding]:
    options = split(
        command.arguments, listed("-u -g -G -d -s -c -p -e -f -k -K --uid --gid --home")
    )
    number = options.value("-u", "--uid")
    groups = options.value("-G", "-g", "--groups", "--gid")
    if number is not None and number.text == "0":
        yield block(
            "backdoor.root-user",
            "Makes another user with the administrator's rights.",
            command.span,
        )
    elif groups is not None and re.search(r"\b(?:sudo|wheel|root|admin|docker)\b", groups.text):
        yield confirm(
            "backdoor.admin-group", "Gives a user the administrator's rights.", command.span
        )
    elif options.operands:
        yield confirm("processes.users", "Changes the users of this machine.", command.span)


def _always(rule: str, message: str, *harmless: str) -> Rule:
    def check(command: Command, _state: State) -> Iterator[Finding]:
        if not command.has_word("--help", "--version", *harmless):
            yield confirm(rule, message, command.span)

    return check


def _with_arguments(rule: str, message: str, *harmless: str) -> Rule:
    def check(command: Command, _state: State) -> Iterator[Finding]:
        if command.arguments and not command.has_word("--help", "--version", *harmless):
            yield confirm(rule, message, command.span)

    return check


def _database_server(command: Command, _state: State) -> Iterator[Finding]:
    if command.has_word("stop", "restart", "kill", "promote", "logrotate"):
        yield confirm("processes.service", "Stops or restarts a database server.", command.span)


def _clock(command: Command, _state: State) -> Iterator[Finding]:
    options = split(command.arguments, listed("-d -f -r --date --file --reference"))
    if options.has("-s", "--set", "-w", "--systohc", "--hctosys"):
        yield confirm("processes.machine-setting", "Sets the machine's clock.", command.span)


def _host_name(command: Command, _state: State) -> Iterator[Finding]:
    options = split(command.arguments)
    if options.operands or options.has("-F", "--file", "-b"):
        yield confirm("processes.machine-setting", "Renames this machine.", command.span)


def _sessions(command: Command, _state: State) -> Iterator[Finding]:
    """Ending tmux's sessions ends what runs in them."""
    if command.has_word("kill-server", "kill-session", "kill-window", "kill-pane", "quit"):
        message = "Ends the programs that run in a session."
        yield confirm("processes.kill-by-name", message, command.span)


def _kernel_setting(command: Command, _state: State) -> Iterator[Finding]:
    if command.has_word("-w", "-p", "--system", "--write") or any(
        "=" in argument.text for argument in command.arguments
    ):
        yield confirm("processes.kernel-setting", "Changes a setting of the kernel.", command.span)


_USERS = ("processes.users", "Changes the users, groups or passwords of this machine.")
_KERNEL = ("processes.kernel", "Loads or removes parts of the kernel.")
_BOOT = ("processes.boot", "Changes how the machine starts.")

RULES: Rules = {
    "kill": (_kill,),
    **dict.fromkeys(("pkill", "killall", "xkill", "skill", "slay"), (_kill_by_name,)),
    "killall5": (_always("processes.kill-all", "Ends every process."),),
    "systemctl": (_service_manager,),
    **dict.fromkeys(
        listed(
            "service rc-service initctl launchctl invoke-rc.d sv supervisorctl s6-svc pm2 "
            "monit rc-update update-rc.d chkconfig"
        ),
        (_service,),
    ),
    **dict.fromkeys(listed("reboot shutdown halt poweroff systemctl-reboot"), (_machine,)),
    **dict.fromkeys(("init", "telinit"), (_run_level,)),
    "crontab": (_schedule,),
    **dict.fromkeys(("useradd", "adduser", "usermod"), (_add_user,)),
    **dict.fromkeys(
        listed(
            "userdel deluser groupdel groupadd groupmod delgroup addgroup gpasswd "
            "chpasswd chsh chfn vipw vigr visudo newusers pwconv grpconv dscl"
        ),
        (_always(*_USERS, "-c"),),
    ),
    "passwd": (_always(*_USERS, "-S", "--status"),),
    **dict.fromkeys(
        listed("insmod rmmod modprobe kexec dkms depmod"),
        (_with_arguments(*_KERNEL, "-n", "--dry-run", "--show", "-c", "-D", "status"),),
    ),
    **dict.fromkeys(
        listed(
            "grub-install efibootmgr bootctl grub-mkconfig update-initramfs "
            "mkinitcpio dracut flashrom fwupdmgr nvram bcdedit"
        ),
        (_with_arguments(*_BOOT, "-v", "status", "list", "get-devices"),),
    ),
    "update-grub": (_always(*_BOOT),),
    "sysctl": (_kernel_setting,),
    **dict.fromkeys(("date", "hwclock"), (_clock,)),
    "hostname": (_host_name,),
    **dict.fromkeys(("tmux", "screen"), (_sessions,)),
    "atrm": (_with_arguments("processes.schedule-delete", "Deletes scheduled jobs."),),
    "chage": (_with_arguments(*_USERS, "-l", "--list"),),
    **dict.fromkeys(("pg_ctl", "pg_ctlcluster"), (_database_server,)),
    **dict.fromkeys(
        listed("setenforce aa-disable aa-teardown apparmor_parser setsebool semanage"),
        (
            _with_arguments(
                "processes.protection", "Weakens the protection of this machine.", *_LOOKS
            ),
        ),
    ),
    **dict.fromkeys(
        listed("timedatectl hostnamectl localectl date-set ntpdate"),
        (_service_manager, _machine_settings),
    ),
}
