#!/bin/sh
# machine.sh DISK TREE...: systemd as process 1 of a machine whose root is a copy-on-write copy of
# this one's. Started by machine.py in namespaces of its own. DISK/upper is the machine's disk: what
# is written there is still there after a power cut. The folders TREE are those of this machine.
set -eu
disk=$1
shift
mount --make-rprivate /
root=$disk/root
mkdir -p "$root" "$disk/upper" "$disk/work"
mount -t overlay -o "lowerdir=/,upperdir=$disk/upper,workdir=$disk/work" overlay "$root"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"  # or systemd would walk through all of the real one
for tree in "$@"; do
  mkdir -p "$root$tree"
  mount --bind "$tree" "$root$tree"
  above=$(dirname "$tree")
  while [ "$above" != / ]; do  # the user of the machine must get there
    chmod o+x "$root$above"
    above=$(dirname "$above")
  done
done
cd "$root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 none sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
for name in null zero full random urandom tty; do
  touch "dev/$name"
  mount --bind "/dev/$name" "dev/$name"
done
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
# Every boot has an id of its own.
cat /proc/sys/kernel/random/uuid > run/.boot_id
mount --bind run/.boot_id proc/sys/kernel/random/boot_id
hostname flow-machine
mkdir -p mnt
pivot_root . mnt
umount -l mnt
exec env -i container=flow-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /usr/lib/systemd/systemd --show-status=no --unit=flow-test.target
