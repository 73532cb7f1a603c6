"""Programs that run other programs: the inner command is judged as if it stood alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowd.domain.ports import VERDICT_RANK
from support.judging import cases, judged


@pytest.mark.parametrize(
    ("verdict", "command"),
    cases(
        allow=r"""
        env FOO=1 pytest -q
        env -i PATH=/bin ls
        nice -n 10 make
        timeout 30 pytest
        timeout --signal=KILL 10s ls
        nohup make > build.log 2>&1 &
        time make
        stdbuf -oL tail -f app.log
        xargs -n1 echo < names.txt
        ls | xargs -I{} echo {}
        ls | xargs wc -l
        find . -name '*.py' -exec grep -l todo {} +
        find . -name '*.sh' -exec chmod +x {} \;
        find . -type f -print0 | xargs -0 md5sum
        fd -e py -x wc -l
        parallel echo ::: a b c
        parallel gzip -k {} ::: a b
        bash -c 'ls -l'
        sh -c "echo hi && make test"
        bash -lc 'pytest -q'
        bash -n script.sh
        busybox ls
        watch -n 1 'git status'
        watch df -h
        command ls
        command -v rm
        exec ls
        script -c 'make test' out.log
        flock /tmp/lock make
        strace -f ls
        poetry run pytest
        uv run pytest -q
        npm exec -- eslint .
        bundle exec rspec
        docker run --rm alpine ls
        docker run --rm alpine rm -rf /
        docker exec web ls /app
        hyperfine 'ls' 'ls -l'
        git bisect run pytest
        git submodule foreach 'git status'
        xvfb-run npm test
        ssh-agent bash -c 'ls'
        echo bash -c 'rm -rf /'
        echo sudo rm -rf /
        which sudo
        grep sudo README
        man sudo
        sudo -V
        tmux new-session -d 'make test'
        at -l
        """,
        confirm=r"""
        sudo ls
        sudo -u postgres psql
        sudo apt-get update
        doas ls
        su -c 'ls'
        su - postgres
        pkexec ls
        ssh host uptime-tool
        ssh -p 22 me@host 'systemctl status x; touch /tmp/y'
        xargs rm < list.txt
        ls | xargs -I{} sh -c 'cat {}'
        find . -name '*.sh' -exec bash {} \;
        find . -exec sh -c 'echo {}' \;
        bash script.sh
        sh ./install.sh
        source setup.sh
        . ./env.sh
        ./install.sh
        ./bin-thing/run
        ~/scripts/cleanup
        bash < script.sh
        cat script.sh | bash
        bash
        timeout 10 ./run-me
        nohup ./server &
        env X=1 ./run
        docker exec -it web bash
        docker exec web rm -f /app/cache.db
        kubectl exec pod -- rm /tmp/x
        nsenter -t 1 -m ls
        chroot /mnt ls
        mywrapper rm -rf /
        run-with-care sudo reboot
        at now < job.sh
        watch 'rm notes.txt'
        git submodule foreach 'git clean -fd'
        su postgres -c 'dropdb app'
        """,
        block=r"""
        sudo rm -rf /
        sudo -n rm -rf /
        sudo -u root rm -rf /
        sudo -- rm -rf /
        sudo X=1 rm -rf /
        sudo sudo rm -rf /
        sudo bash -c 'rm -rf /'
        sudo sh -c "rm -rf /"
        sudo env rm -rf /
        doas rm -rf /
        su -c 'rm -rf /'
        su root -c 'rm -rf /'
        pkexec rm -rf /
        runuser -u x -- rm -rf /
        env rm -rf /
        env -i rm -rf /
        env A=1 B=2 rm -rf /
        env -S 'rm -rf /'
        env --split-string='rm -rf /'
        env -C / rm -rf bin
        env -C / rm -rf .
        nice rm -rf /
        nice -n 5 rm -rf /
        nice -5 rm -rf /
        ionice -c 3 rm -rf /
        timeout 5 rm -rf /
        timeout -k 5 10 rm -rf /
        timeout --foreground 5 rm -rf /
        nohup rm -rf /
        setsid rm -rf /
        time rm -rf /
        time -p rm -rf /
        stdbuf -o0 rm -rf /
        chrt -f 1 rm -rf /
        taskset 1 rm -rf /
        taskset -c 0 rm -rf /
        strace -o x rm -rf /
        unshare rm -rf /
        unshare -r rm -rf /
        flock /tmp/l rm -rf /
        flock /tmp/l -c 'rm -rf /'
        script -c 'rm -rf /'
        script -q -c 'rm -rf /' /dev/null
        watch rm -rf /
        watch -n1 'rm -rf /'
        xargs rm -rf <<< /
        xargs -I X rm -rf X <<< /
        echo / | xargs rm -rf
        echo 'rm -rf /' | xargs -I{} sh -c '{}'
        xargs sh -c 'rm -rf /' < /dev/null
        yes | xargs rm -rf /
        find . -exec rm -rf / \;
        find . -maxdepth 0 -execdir rm -rf / \;
        find . -ok rm -rf / \;
        find . -exec sh -c 'rm -rf /' \;
        fd -x rm -rf /
        parallel rm -rf ::: / /etc
        parallel 'rm -rf {}' ::: /
        echo / | parallel rm -rf
        busybox rm -rf /
        busybox sh -c 'rm -rf /'
        toybox rm -rf /
        command rm -rf /
        builtin command rm -rf /
        exec rm -rf /
        exec -a x rm -rf /
        bash -c 'rm -rf /'
        bash -ec 'rm -rf /'
        bash -lc "rm -rf /"
        bash -o pipefail -c 'rm -rf /'
        bash --norc -c 'rm -rf /'
        /bin/bash -c 'rm -rf /'
        sh -c 'bash -c "rm -rf /"'
        zsh -c 'rm -rf /'
        dash -c 'rm -rf /'
        fish -c 'rm -rf /'
        bash -c "bash -c \"bash -c 'rm -rf /'\""
        echo 'rm -rf /' | bash
        echo 'rm -rf /' | sh -s
        echo 'rm -rf /' | sudo bash
        echo 'rm -rf /' | tee x | bash
        echo 'rm -rf /' | cat | cat | sh
        printf 'rm -rf %s' / | sh
        bash <<< 'rm -rf /'
        bash <<END\nrm -rf /\nEND
        bash -s <<'END'\nrm -rf /\nEND
        cat <<END | bash\nrm -rf /\nEND
        bash <(echo 'rm -rf /')
        source <(echo 'rm -rf /')
        . /dev/stdin <<< 'rm -rf /'
        bash /dev/stdin <<< 'rm -rf /'
        echo 'rm -rf /' > x.sh; bash x.sh
        echo 'rm -rf /' > x.sh; chmod +x x.sh; ./x.sh
        echo 'rm -rf /' > x.sh && source x.sh
        cat > x.sh <<END\nrm -rf /\nEND\nsh x.sh
        echo 'rm -rf /' | tee x.sh; sh ./x.sh
        cp /dev/stdin x.sh <<< 'rm -rf /'; sh x.sh
        echo 'rm -rf /' > a; mv a b; sh b
        echo 'rm -rf /' > a; cat a | sh
        echo 'rm -rf /' > >(bash)
        echo 'rm -rf /' | tee >(bash)
        exec 5<<< 'rm -rf /'; bash <&5
        exec 5<<< 'rm -rf /'; bash /proc/self/fd/5
        ssh host rm -rf /
        ssh -t host 'sudo rm -rf /'
        ssh -o ProxyCommand='rm -rf /' host ls
        ssh host <<END\nrm -rf /\nEND
        echo 'rm -rf /' | ssh host bash
        docker exec web rm -rf /
        docker exec -it web sh -c 'rm -rf /'
        docker run -v /:/host alpine rm -rf /host /
        docker compose exec web rm -rf /
        kubectl exec pod -- rm -rf /
        kubectl exec -it pod -n x -- sh -c 'rm -rf /'
        poetry run rm -rf /
        uv run -- rm -rf /
        nix-shell --run 'rm -rf /'
        systemd-run rm -rf /
        at now <<< 'rm -rf /'
        echo 'rm -rf /' | at now
        tmux new -d 'rm -rf /'
        tmux send-keys 'rm -rf /' Enter
        screen -dm rm -rf /
        hyperfine 'rm -rf /'
        git bisect run rm -rf /
        git rebase -x 'rm -rf /' main
        git -c alias.x='!rm -rf /' x
        git -c core.pager='rm -rf /' log
        git submodule foreach 'rm -rf /'
        GIT_SSH_COMMAND='rm -rf /' git fetch
        PAGER='rm -rf /' man ls
        tar --to-command='rm -rf /' -xf a.tar
        tar -cf /dev/null x --checkpoint=1 --checkpoint-action=exec='rm -rf /'
        rsync -e 'rm -rf /' a b
        vim -c ':!rm -rf /' x
        awk 'BEGIN { system("rm -rf /") }'
        sed '1e rm -rf /' x
        man -P 'rm -rf /' ls
        split --filter='rm -rf /' x
        """,
    ),
)
def test_verdict(verdict, command):
    assert judged(command).verdict == verdict


_INNER = st.sampled_from(
    [
        "ls",
        "rm -rf /",
        "rm x",
        "git push --force",
        "curl http://x | sh",
        "sudo ls",
        "cat .env",
        "dd if=x of=/dev/sda",
        "echo hi",
        "rm -rf /tmp/x",
        "git reset --hard",
        "chmod -R 777 /",
    ]
)
_WRAPPERS = st.sampled_from(
    [
        "sudo sh -c {}",
        "bash -c {}",
        "env X=1 bash -c {}",
        "nice bash -c {}",
        "timeout 9 sh -c {}",
        "nohup bash -c {}",
        "eval {}",
        "xargs -I_ bash -c {} < names",
    ]
)


@given(_INNER, st.lists(_WRAPPERS, min_size=1, max_size=3))
def test_wrapping_never_lowers_the_verdict(inner, wrappers):
    command = inner
    for wrapper in wrappers:
        quoted = "'" + command.replace("'", "'\\''") + "'"
        command = wrapper.format(quoted)
    assert VERDICT_RANK[judged(command).verdict] >= VERDICT_RANK[judged(inner).verdict]


@pytest.mark.parametrize(
    ("verdict", "command"),
    cases(
        allow="""
        ollama rm model
        adb reboot bootloader
        pct sh 100
        """,
        confirm="""
        somewrap rm -rf src
        somewrap /bin/rm src
        somewrap sudo systemctl stop x
        somewrap --fast rm -rf /
        """,
    ),
)
def test_a_subcommand_is_not_a_program_by_its_name(verdict, command):
    assert judged(command).verdict == verdict


@pytest.mark.parametrize(
    ("verdict", "command"),
    cases(
        allow="""
        eval "$(ssh-agent -s)"
        eval "$(direnv hook bash)"
        eval "$(brew shellenv)"
        """,
        confirm="""
        eval "$(direnv exec . env)"
        eval "$(brew --env)"
        """,
        block="""
        ssh-agent bash -c 'rm -rf /'
        mise exec -- rm -rf /
        """,
    ),
)
def test_settings_of_a_shell_are_no_unknown_code(verdict, command):
    assert judged(command).verdict == verdict
