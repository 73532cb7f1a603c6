"""Disks, partitions, volumes and file systems."""

import re
from collections.abc import Iterator

from flowd.domain.ports import Finding
from flowd.safety.command import Command, split
from flowd.safety.findings import block, confirm
from flowd.safety.paths import locate
from flowd.safety.rules.table import Rule, Rules
from flowd.safety.state import State
from flowd.safety.tables import listed
from flowd.safety.value import UNKNOWN, Argument

_TESTS = ("-n", "--no-act", "--dry-run", "-h", "--help", "--version", "-V")
_LVM_DESTROYS = listed("lvremove vgremove pvremove lvreduce vgreduce")
_LVM_CHANGES = listed(
    "lvresize lvconvert lvchange vgchange pvchange pvmove lvrename vgrename "
    "pvresize lvcreate vgcreate pvcreate lvextend vgextend vgcfgrestore vgsplit "
    "vgmerge"
)


def _is_device(argument: Argument, state: State) -> bool:
    return locate(argument.text, state.folder).place == "device" or (
        argument.text.startswith("/dev/") and locate(argument.text).place != "stream"
    )


def _make_file_system(command: Command, state: State) -> Iterator[Finding]:
    options = split(
        command.arguments,
        listed("-t --type -L -b -c? -C -d -e -E -g -G -i -I -J -m -M -N -o -O -r -T -U -z -n? -s"),
    )
    if command.has_word(*_TESTS):
        return
    yield from _on_devices(
        "disks.format", "Formats {}: everything on it is lost.", options.operands, state
    )


def _on_devices(
    rule: str, message: str, targets: tuple[Argument, ...] | list[Argument], state: State
) -> Iterator[Finding]:
    for target in targets:
        shown = target.text.replace(UNKNOWN, "…")
        if _is_device(target, state):
            yield block(rule, message.format(shown), target.span)
        elif "/" in target.text or UNKNOWN in target.text:
            yield confirm(rule, message.format(shown), target.span)


_PARTITION_LOOKS = {
    "fdisk": listed("-l --list -s --getsz -x --list-details"),
    "gdisk": listed("-l"),
    "cgdisk": listed(""),
    "cfdisk": listed("--zero-not-given"),
    "sfdisk": listed("-l -d -n -V -J -s -F -T --list --dump --no-act --verify --json --show-size"),
    "sgdisk": listed("-p -v -i -L -E -F -D --print --verify --info --list-types --pretend -P"),
    "parted": listed("print -l --list"),
    "gparted": listed(""),
    "partprobe": listed("-s -d"),
}


def _partition(command: Command, state: State) -> Iterator[Finding]:
    """Partition editors: looking is fine, an open editor is asked about, a change is not let by."""
    texts = {argument.text for argument in command.arguments}
    if texts & (_PARTITION_LOOKS[command.name] | {"--help", "-h", "--version"}):
        return
    interactive = command.name not in ("sfdisk", "sgdisk") and not (
        command.stdin_path or texts & {"-s", "--script", "rm", "mklabel", "mkpart"}
    )
    for device in command.arguments:
        if _is_device(device, state):
            make = confirm if interactive else block
            message = f"Changes the partitions of {device.text}."
            yield make("disks.partition", message, device.span)


def _wipe(command: Command, state: State) -> Iterator[Finding]:
    options = split(command.arguments, listed("-o -t --offset --types"))
    only_lists = not options.has("-a", "--all", "-o", "--offset") or options.has("-n", "--no-act")
    if command.name == "wipefs" and only_lists:
        return
    yield from _on_devices("disks.wipe", "Erases {}.", options.operands, state)


def _discard(command: Command, state: State) -> Iterator[Finding]:
    options = split(command.arguments, listed("-o -l -p -s --offset --length --step"))
    yield from _on_devices("disks.wipe", "Throws away everything on {}.", options.operands, state)


def _volumes(command: Command, _state: State) -> Iterator[Finding]:
    if command.has_word("--test", "-t", "-h", "--help", "--longhelp", "--version"):
        return
    if not split(command.arguments, listed("-L -l -n -s --size --extents --name")).operands:
        return
    if command.name in _LVM_DESTROYS:
        yield block("disks.volume", "Removes or shrinks a volume: its data is lost.", command.span)
    else:
        yield confirm("disks.volume-change", "Changes disk volumes.", command.span)


def _encryption(command: Command, _state: State) -> Iterator[Finding]:
    words = split(
        command.arguments,
        listed("-c -s -h -i -d -q? --cipher --key-size --hash --key-file --type --header --label"),
    ).operands
    action = words[0].text if words else ""
    if action in (
        "luksFormat",
        "luksErase",
        "erase",
        "luksKillSlot",
        "luksRemoveKey",
        "reencrypt",
        "luksHeaderRestore",
        "luksChangeKey",
    ):
        yield block(
            "disks.encryption", "Makes the data on an encrypted disk unreadable.", command.span
        )
    elif action and action not in ("isLuks", "luksDump", "status", "luksUUID", "benchmark"):
        yield confirm("disks.encryption-change", "Changes encrypted disks.", command.span)


def _arrays(command: Command, state: State) -> Iterator[Finding]:
    if command.has_word("--zero-superblock", "--create", "-C", "--fail", "--remove", "-f", "-r"):
        yield block("disks.array", "Destroys or breaks up a disk array.", command.span)
    elif command.has_word("--stop", "-S"):
        yield confirm("disks.array-stop", "Stops a disk array.", command.span)


_POOL_DESTROYS = {
    "zpool": ("destroy", "labelclear", "create", "remove", "detach", "offline"),
    "zfs": ("destroy", "rollback"),
    "btrfs": ("delete", "del"),
}


def _pools(command: Command, _state: State) -> Iterator[Finding]:
    words = [a.text for a in command.arguments if not a.text.startswith("-")]
    actions = words[:2]
    if command.has_word("-n", "--help") and command.name != "btrfs":
        return
    if any(action in _POOL_DESTROYS[command.name] for action in actions):
        make = block if command.name == "zpool" or command.has_word("-r", "-R", "-f") else confirm
        yield make(
            "disks.pool", "Destroys storage or goes back to an older state of it.", command.span
        )


_RAW_VALUES = listed("-b -c -d -e -i -o -p -t -m -r -T -a")


_POOL_CHANGES = {
    "zpool": listed("export import attach replace add split set upgrade"),
    "zfs": listed("set recv receive rename unmount promote inherit"),
    "btrfs": listed("balance replace resize set-default defragment"),
}


def _pool_changes(command: Command, _state: State) -> Iterator[Finding]:
    words = [a.text for a in command.arguments if not a.text.startswith("-")][:2]
    changes = any(word in _POOL_CHANGES[command.name] for word in words)
    if changes and not command.has_word("-n", "--help", "status", "list"):
        yield confirm("disks.pool", "Changes how storage is set up.", command.span)


def _copy_raw(command: Command, state: State) -> Iterator[Finding]:
    """ddrescue, partclone, dcfldd ... onto a device; dd itself is a write like any other."""
    operands = split(command.arguments, _RAW_VALUES).operands
    targets = list(operands[1:2] if command.name == "ddrescue" else operands[-1:])
    if command.name in ("dcfldd", "dc3dd"):
        targets = [
            a.with_text(a.text.partition("=")[2])
            for a in operands
            if a.text.startswith(("of=", "hof=", "ofs=", "wipe="))
        ]
    elif command.name == "badblocks" and not split(command.arguments, _RAW_VALUES).has("-w"):
        targets = []
    yield from (
        f
        for f in _on_devices("disks.overwrite", "Overwrites {}.", targets, state)
        if f.verdict == "block"
    )


_CHARACTERS = re.compile(
    r"/dev/(?:tty|cu\.|lp|usb/lp|serial|hidraw|input|dsp|audio|video|i2c|snd|st|shm|null|std|fd)"
)


def _raw(command: Command, _state: State) -> Iterator[Finding]:
    """What dd writes to: it is made for devices, whatever their names are."""
    for argument in command.arguments:
        name, _, path = argument.text.partition("=")
        if name == "of" and path.startswith("/dev/") and not _CHARACTERS.match(path):
            message = f"Overwrites the device {path.replace(UNKNOWN, '…')}."
            yield block("disks.overwrite", message, argument.span)
        elif name == "of" and path.startswith(UNKNOWN):
            message = "Overwrites a file or device that is not known before it runs."
            yield confirm("disks.overwrite-unknown", message, argument.span)


def _image(command: Command, state: State) -> Iterator[Finding]:
    """`qemu-img convert IN OUT`; fio writes to the file it is told to test."""
    options = split(command.arguments, listed("-f -O -o -c? -s -l -m -t -T"))
    targets = list(options.operands[-1:]) if len(options.operands) > 2 else []
    if command.name == "fio":
        writes = any(
            each.text.partition("=")[2] in ("write", "randwrite", "rw", "randrw", "trim")
            for each in command.arguments
            if each.text.startswith(("--rw=", "--readwrite="))
        )
        targets = options.values("--filename") if writes else []
    for finding in _on_devices("disks.overwrite", "Overwrites {}.", targets, state):
        if finding.verdict == "block":
            yield finding


def _drive(command: Command, state: State) -> Iterator[Finding]:
    dangerous = re.compile(
        r"--security-erase.*|--trim-sector.*|--make-bad-sector|--write-sector|format"
        r"|sanitize|write-zeroes|--dco-restore|--fwdownload"
    )
    hit = next((a for a in command.arguments if dangerous.fullmatch(a.text)), None)
    if hit is not None:
        yield block("disks.erase", "Erases a drive from within.", hit.span)


_ONLY_SHOWS = {
    "swapon": ("--show", "-s", "--summary"),
    "losetup": ("-a", "--all", "--list", "-j", "--associated"),
}


def _mounts(command: Command, _state: State) -> Iterator[Finding]:
    if not command.arguments or command.has_word("-V", "--help"):
        return
    if command.name == "mount" and command.has_word("-l"):
        return
    if command.has_word(*_ONLY_SHOWS.get(command.name, ())):
        return
    yield confirm("disks.mount", "Changes which file systems are mounted.", command.span)


_MAPS = listed("-u -z -d -a -F -f -W remove remove_all create suspend wipe_table reload load")


def _mapped(command: Command, _state: State) -> Iterator[Finding]:
    """Mounts of a user's own, and the mapper of devices."""
    if any(argument.text in _MAPS for argument in command.arguments):
        yield confirm("disks.mount", "Changes which file systems are mounted.", command.span)


def _labels(command: Command, _state: State) -> Iterator[Finding]:
    shows = command.name == "e2label" and len(command.arguments) < 2
    if command.arguments and not shows and not command.has_word("-n", "-l", "-u", "-V"):
        yield confirm("disks.repair", "Changes a file system in place.", command.span)


def _check(command: Command, state: State) -> Iterator[Finding]:
    """Fsck and tune2fs change a file system unless told not to."""
    if command.has_word("-n", "-N", "-l", "--help", "-V"):
        return
    if command.name == "debugfs" and not command.has_word("-w"):
        return
    for target in split(command.arguments, listed("-t -b -B -j -L -U -m -c -i -e")).operands:
        if _is_device(target, state):
            yield confirm("disks.repair", "Changes a file system in place.", target.span)


_LVM: Rule = _volumes
RULES: Rules = {
    **dict.fromkeys(
        listed(
            "mkfs mkfs.ext2 mkfs.ext3 mkfs.ext4 mkfs.xfs mkfs.btrfs mkfs.vfat mkfs.fat "
            "mkfs.ntfs mkfs.exfat mkfs.f2fs mkfs.jfs mkfs.minix mkfs.reiserfs mkfs.msdos "
            "mkfs.bfs mkfs.cramfs mke2fs mkntfs mkdosfs mkexfatfs mkswap newfs "
            "newfs_msdos mkreiserfs"
        ),
        (_make_file_system,),
    ),
    **dict.fromkeys(
        listed("fdisk gdisk cfdisk sfdisk sgdisk cgdisk parted gparted partprobe"),
        (_partition,),
    ),
    "wipefs": (_wipe,),
    "blkdiscard": (_discard,),
    **dict.fromkeys(_LVM_DESTROYS | _LVM_CHANGES, (_LVM,)),
    "cryptsetup": (_encryption,),
    "mdadm": (_arrays,),
    **dict.fromkeys(_POOL_DESTROYS, (_pools, _pool_changes)),
    **dict.fromkeys(listed("ddrescue dcfldd dc3dd badblocks nwipe scrub"), (_copy_raw,)),
    "dd": (_raw,),
    **dict.fromkeys(["qemu-img", "fio"], (_image,)),
    **dict.fromkeys(["hdparm", "nvme", "sg_format"], (_drive,)),
    **dict.fromkeys(listed("mount umount swapoff swapon losetup"), (_mounts,)),
    **dict.fromkeys(("fusermount", "fusermount3", "kpartx", "multipath", "dmsetup"), (_mapped,)),
    **dict.fromkeys(("xfs_growfs", "e2label", "xfs_admin"), (_labels,)),
    **dict.fromkeys(
        listed("fsck e2fsck tune2fs resize2fs xfs_repair btrfsck debugfs fsck.ext4"),
        (_check,),
    ),
}
