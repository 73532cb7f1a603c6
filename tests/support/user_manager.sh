#!/bin/sh
# user_manager.sh HOME RUNTIME_DIR : run a real `systemd --user`. Started by systemd.py as process 1
# of its own mount, process, control group and IPC namespaces, so nothing it starts can outlive it.
set -eu
home=$1 runtime=$2

# Control groups of our own: process 1 in one leaf, the manager and all it starts in another, since
# a control group with children may hold no process itself.
umount --lazy /sys/fs/cgroup
mount -t cgroup2 -o nsdelegate none /sys/fs/cgroup 2>/dev/null || mount -t cgroup2 none /sys/fs/cgroup
mkdir /sys/fs/cgroup/first /sys/fs/cgroup/user
echo $$ > /sys/fs/cgroup/first/cgroup.procs

# systemctl believes that systemd runs at all when this folder is there.
mount -t tmpfs -o mode=755 none /run
mkdir -p /run/systemd/system

sh -c 'echo $$ > /sys/fs/cgroup/user/cgroup.procs; exec "$@"' _ \
  env -i HOME="$home" XDG_RUNTIME_DIR="$runtime" NOTIFY_SOCKET="$runtime/ready" \
  USER=root LOGNAME=root LANG=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin \
  /usr/lib/systemd/systemd --user --log-target=console --log-level=info --show-status=no \
  --default-standard-output=inherit --default-standard-error=inherit &
wait $!
