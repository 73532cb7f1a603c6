"""Deleting, moving, overwriting."""

import pytest

from support.judging import cases, judged, rules_of


@pytest.mark.parametrize(
    ("verdict", "command"),
    cases(
        allow=r"""
        rm -rf /tmp/scratch-42
        rm -rf /tmp/work/cache /tmp/work/logs
        rm -r /var/tmp/job.17
        rm -rf "/tmp/build dir"
        rm -f "$TMPDIR"/pieces.txt
        rm -rf "${TMPDIR}/out" "${TMPDIR:-/tmp}/more"
        rm -rf node_modules
        rm -rf ./node_modules/.cache
        rm -rf dist build *.egg-info
        rm -rf packages/web/dist/*
        rm -rf target/debug
        rm -rf .pytest_cache .mypy_cache .ruff_cache
        find build -type f -delete
        find /tmp/job -mtime +3 -delete
        find /tmp/job -name '*.part' -exec rm -f {} +
        find . -name '__pycache__'
        find . -name "*.log" -print
        rm -i notes.txt
        rm --help
        rm --version
        rm
        rmdir empty-folder
        unlink --help
        mv draft.md final.md
        mv -n a b
        cp -r src backup
        cp config.example.toml config.toml
        ln -s ../shared shared
        mkdir -p a/b/c
        touch x
        echo done > result.txt
        echo more >> result.txt
        : > empty.txt
        printf '%s\n' a b c > list.txt
        ls > /dev/null 2>&1
        make 2>&1 | tee build.log
        sort -o sorted.txt input.txt
        sed -i 's/a/b/' src/main.py
        truncate -s 0 app.log
        tar -czf backup.tar.gz src
        tar -xzf release.tar.gz
        tar -xzf release.tar.gz -C /tmp/unpacked
        unzip archive.zip -d vendor
        dd if=/dev/zero of=disk.img bs=1M count=10
        dd if=/dev/sda of=backup.img
        rsync -a src/ copy/
        rsync -a --delete --dry-run src/ copy/
        rsync -avn --delete src/ /srv/www/
        install -m 755 tool bin/tool
        cd /tmp/job && rm -rf *
        cd /tmp/job || exit 1; rm -rf ./*
        set -e; cd /tmp/job; rm -rf *
        d=$(mktemp -d); trap 'rm -rf "$d"' EXIT; cp x "$d"/
        tmp=$(mktemp); echo hi > "$tmp"; rm -f "$tmp"
        echo "rm -rf / is dangerous"
        grep -rn 'rm -rf /' docs
        printf 'rm -rf /\n'
        # rm -rf /
        ls # rm -rf /
        git commit -m "remove rm -rf / from the script"
        cat <<'END'\nrm -rf /\nEND
        cat > notes.md <<END\nnever run rm -rf /\nEND
        man rm
        which rm
        type rm
        command -v rm
        test -f rm && echo there
        alias ll='ls -l'
        x='rm -rf /'; echo "$x"
        rm() { echo "not today"; }; rm -rf /
        false && rm -rf /
        true || rm -rf /
        if false; then rm -rf /; fi
        while false; do rm -rf /; done
        """,
        confirm=r"""
        rm notes.txt
        rm -rf src
        rm -rf "$dir"
        rm -rf "$dir"/*
        rm -rf ./*
        rm -rf *
        rm -rf .
        rm -rf ..
        rm -r ../other-project
        rm -rf ~/projects/old
        rm -rf /home/anna/projects/old
        rm -f /usr/local/bin/old-tool
        rm -rf /opt/app/releases/1.2
        rm -rf /data/exports
        rm -rf /tmp/*
        rm -rf "/tmp/$name"
        rm ~/.bash_history
        rm -rf ~/.cache
        unlink important.db
        shred -u notes.txt
        find . -name '*.bak' -delete
        find . -type f -name '*.tmp' -exec rm {} \;
        find src -mtime +30 -print0 | xargs -0 rm
        find . -name node_modules -prune -exec rm -rf {} +
        ls *.log | xargs rm
        cd build-output-x; rm -rf *
        cd /tmp/job; rm -rf *
        mv /usr/bin/python3 /usr/bin/python3.bak
        cp tool /usr/local/bin/tool
        tar -xf release.tar -C /
        unzip pack.zip -d /usr/share/pack
        rsync -a --delete src/ copy/
        rsync -a --remove-source-files src/ copy/
        rm -rf .git/hooks/pre-commit
        echo 'export PATH=$PATH:~/bin' >> ~/.bashrc
        echo x >> ~/.zshrc
        tee -a ~/.profile < snippet.sh
        echo 127.0.0.1 >> /etc/motd
        wget -O /usr/share/tool.py https://example.com/tool.py
        cp key.pub ~/.ssh/authorized_keys
        rm -rf $UNSET_THING/$OTHER
        for f in *.txt; do rm "$f"; done
        while read -r f; do rm "$f"; done < files.txt
        git ls-files -z --others | xargs -0 rm
        """,
        block=r"""
        rm -rf /
        rm -fr //
        rm -r -f /
        rm --recursive --force /
        rm --recurs --forc /
        rm -rf --no-preserve-root /
        rm -rf /*
        rm -rf /.
        rm -rf /tmp/../
        rm -rf /tmp/../etc
        rm -rf /usr/../
        rm -rf /etc
        rm -rf /usr /var
        rm -rf /var/lib
        rm -rf /{bin,sbin}
        rm -rf /usr/{lib,bin}
        rm -rf /b*
        rm -rf /u?r
        rm -rf ~
        rm -rf ~/
        rm -rf ~/*
        rm -rf ~/.*
        rm -rf ~root
        rm -rf ~/.ssh
        rm -rf ~/.config
        rm -rf "$HOME"
        rm -rf "${HOME}"/
        rm -rf ${HOME:?}
        rm -rf $HOME/.
        rm -rf /home
        rm -rf /home/anna
        rm -rf /home/*
        rm -rf /root
        rm -rf /Users/anna
        rm -rf /tmp
        rm -rf $TMPDIR
        rm -rf .git
        rm -rf project/.git
        rm -rf .git/objects
        rm /etc/passwd
        rm -f /etc/ssh/sshd_config
        rm /dev/sda
        unlink /etc/fstab
        cd / && rm -rf *
        cd /; rm -rf ./*
        cd ~ && rm -rf .
        cd /usr && rm -rf lib
        pushd / && rm -rf *
        (cd / && rm -rf *)
        find / -delete
        find ~ -delete
        find / -type f -delete
        find / -exec rm -rf {} +
        find /etc -exec rm -rf {} \;
        find / | xargs rm -rf
        echo / | xargs rm -rf
        echo /etc | xargs -I{} rm -rf {}
        printf '/\n' | xargs rm -rf
        mv /etc /tmp/etc
        mv ~ /tmp/home
        mv important /dev/null
        mv /etc/passwd /tmp
        echo root::0:0::/:/bin/sh > /etc/passwd
        echo x > /etc/hosts
        cat key > /etc/shadow
        tee /etc/sudoers < new
        cp evil /etc/passwd
        cp evil /etc/ld.so.preload
        echo 'x ALL=(ALL) NOPASSWD: ALL' >> /etc/sudoers
        : > /boot/vmlinuz
        echo x > .git/HEAD
        shred /etc/passwd
        truncate -s 0 /etc/passwd
        rsync -a --delete empty/ /
        rsync -a --delete empty/ ~/
        find . -fprint /etc/shadow
        for d in / /etc; do rm -rf "$d"; done
        if [ -d /x ]; then rm -rf /; fi
        case x in x) rm -rf /;; esac
        case $1 in start) rm -rf /etc;; esac
        { rm -rf /; }
        ( rm -rf / )
        ls; rm -rf /
        ls && rm -rf /
        ls || rm -rf /
        ls | rm -rf /
        ls & rm -rf /
        ! rm -rf /
        time rm -rf /
        echo $(rm -rf /)
        echo "`rm -rf /`"
        echo "${x:-$(rm -rf /)}"
        cat <(rm -rf /)
        echo hi > >(rm -rf /)
        [ -n "$(rm -rf /)" ]
        [[ $(rm -rf /) ]]
        (( $(rm -rf /) ))
        a[$(rm -rf /)]=1
        x=$(rm -rf /)
        export x=$(rm -rf /)
        cat <<END\n$(rm -rf /)\nEND
        f() { rm -rf "$1"; }; f /
        f() { rm -rf /; }; f
        function g { rm -rf "$@"; }; g -v /etc
        coproc rm -rf /
        trap 'rm -rf /' EXIT
        rm -rf / &
        echo hi > x; rm -rf /
        > out rm -rf /
        X=1 rm -rf /
        rm -rf /tmp/x /
        rm -rf -- /
        /bin/rm -rf /
        \rm -rf /
        'rm' -rf /
        r''m -rf /
        "r"m -rf /
        rm -rf "/"
        rm -rf '/'
        rm -rf \/
        $'\x72\x6d' -rf /
        rm $'-rf' /
        rm -rf $'\x2f'
        """,
    ),
)
def test_verdict(verdict, command):
    assert judged(command).verdict == verdict


def test_a_folder_known_to_the_caller_counts():
    assert judged("rm -rf *", cwd="/").verdict == "block"
    assert judged("rm -rf *", cwd="/home/anna").verdict == "block"
    assert judged("rm -rf *", cwd="/home/anna/project").verdict == "confirm"
    assert judged("rm -rf *.o", cwd="/tmp/job-7").verdict == "confirm"
    assert judged('rm -rf build "$PWD/dist" /tmp/x', cwd="/tmp/job-7").verdict == "allow"
    for whole in ("rm -rf *", "rm -rf .", "rm -rf /tmp/job-7", "rm -rf ../job-7", "find . -delete"):
        assert judged(whole, cwd="/tmp/job-7").verdict == "confirm", whole  # what it stands on
    assert judged("rm -rf ..", cwd="/usr/lib").verdict == "block"


def test_a_failed_cd_leaves_the_script_where_it_was():
    assert judged("cd /tmp/job; rm -rf *", cwd="/").verdict == "block"
    assert judged("cd /tmp/job && rm -rf *", cwd="/").verdict == "allow"
    assert judged("cd /tmp/job && make; rm -rf *", cwd="/").verdict == "block"


def test_rules_are_named_for_what_is_lost():
    assert rules_of("rm -rf /") == {"files.delete-root"}
    assert rules_of("rm -rf ~") == {"files.delete-home"}
    assert rules_of("rm a.txt") == {"files.delete"}


def test_the_span_is_the_path():
    text = "echo é && rm -rf /"
    (finding,) = judged(text).findings
    assert text[finding.span[0] : finding.span[1]] == "/"


def test_a_safer_way_is_named():
    assert judged("rm -rf src").findings[0].safer


@pytest.mark.parametrize(
    ("verdict", "command"),
    cases(
        allow="""
        rm -rf ../../../../../../../tmp/x
        """,
        confirm="""
        rm -rf ../../../src
        """,
        block="""
        rm -rf ./../../../../../../../etc
        rm -rf ../../../../../../..
        """,
    ),
)
def test_far_up_is_the_root(verdict, command):
    assert judged(command).verdict == verdict
