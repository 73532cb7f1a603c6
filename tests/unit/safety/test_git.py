"""git: losing work, rewriting history, its own store."""

import pytest

from support.judging import cases, judged, rules_of


@pytest.mark.parametrize(
    ("verdict", "command"),
    cases(
        allow=r"""
        git status
        git log --oneline -5
        git diff HEAD~1
        git add -A
        git add .
        git commit -m "fix: handle --force flag"
        git commit -am wip
        git tag v1.2.3
        git tag -a v1.2.3 -m 'release'
        git tag -l 'v*'
        git push
        git push origin main
        git push origin v1.2.3
        git push -u origin feature
        git push --tags
        git push --dry-run --force
        git push -n --delete origin x
        git pull
        git pull --rebase
        git fetch --all --prune
        git merge feature
        git merge --abort
        git checkout main
        git checkout -b feature/x
        git checkout feature/login
        git checkout v1.2.3
        git checkout HEAD~2
        git checkout -
        git checkout --track origin/x
        git switch main
        git switch -c feature
        git branch
        git branch feature
        git branch -d merged
        git branch -m old new
        git branch --set-upstream-to=origin/x
        git stash
        git stash push -m 'wip'
        git stash pop
        git stash apply
        git stash list
        git stash show -p
        git reset
        git reset --soft HEAD~1
        git reset HEAD file.txt
        git reset --mixed HEAD~1
        git restore --staged file.txt
        git clean -n
        git clean -nfd
        git clean --dry-run -x
        git clean
        git rebase --abort
        git rebase --continue
        git cherry-pick abc123
        git revert HEAD
        git revert --no-edit abc123
        git show HEAD:file.txt
        git blame src/main.py
        git bisect start
        git bisect good
        git config user.name 'Anna'
        git config --global init.defaultBranch main
        git config --get core.editor
        git remote -v
        git remote add origin git@example.com:x/y.git
        git remote set-url origin git@example.com:x/y.git
        git clone https://example.com/x/y.git
        git init
        git worktree add ../x feature
        git worktree list
        git submodule update --init
        git rm --cached file.txt
        git mv a b
        git gc
        git reflog
        git rev-parse --show-toplevel
        git -C sub status
        git --no-pager log
        git -c color.ui=always diff
        git help push
        git push --help
        git reset --hard --help
        git grep 'push --force'
        git log --grep='reset --hard'
        git commit -m 'git push --force'
        git apply fix.patch
        git am < fix.mbox
        git archive -o out.tar HEAD
        git describe --tags
        git diff --stat && git log -1
        echo git push --force
        """,
        confirm=r"""
        git push --force
        git push -f origin main
        git push -fu origin main
        git push --force-with-lease
        git push origin +main
        git push origin +HEAD:main
        git push origin :old-branch
        git push origin --delete old-branch
        git push -d origin v1.0
        git push --mirror
        git push --prune origin
        git push --forc
        git -C sub push --force
        git -c push.default=current push -f
        git --git-dir=x/.git push -f
        git reset --hard
        git reset --hard HEAD~3
        git reset HEAD~1 --hard
        git reset --merge
        git -C /srv/app reset --hard origin/main
        git checkout -- .
        git checkout -- file.txt
        git checkout .
        git checkout HEAD -- src
        git checkout main file.txt
        git checkout src/main.py
        git checkout -f main
        git checkout -B main
        git checkout --force
        git switch -f main
        git switch --discard-changes main
        git switch -C main
        git restore file.txt
        git restore .
        git restore --staged --worktree .
        git restore -s HEAD~1 src
        git clean -f
        git clean -fdx
        git clean -ffd
        git clean --force -d
        git -c clean.requireForce=false clean
        git clean -i
        git branch -D feature
        git branch -df feature
        git branch --delete --force feature
        git branch -f main HEAD~3
        git branch -M main
        git tag -d v1
        git tag -f v1
        git stash drop
        git stash drop stash@{0}
        git stash clear
        git rebase main
        git rebase -i HEAD~3
        git pull && git rebase main
        git commit --amend
        git commit --amend --no-edit
        git filter-branch --tree-filter 'echo' HEAD
        git filter-repo --path x
        git reflog expire --expire=now --all
        git reflog delete HEAD@{1}
        git gc --prune=now
        git -c gc.pruneExpire=now gc
        git prune
        git update-ref -d refs/heads/x
        git worktree remove ../x
        git worktree remove --force ../x
        git submodule deinit -f x
        git remote remove origin
        git rm file.txt
        git rm -rf src
        git config core.hooksPath /tmp/hooks
        git config --global core.sshCommand 'ssh -i /tmp/key'
        git config --global alias.nuke '!git reset --hard'
        git $ACTION --force
        git clean $FLAGS
        g() { git push --force; }; g
        alias gp='git push --force'
        rm -f .git/index.lock.bak
        rm .git/index
        echo x >> .git/config
        echo x > .git/hooks/pre-commit
        sudo git reset --hard
        ls && git reset --hard
        """,
        block=r"""
        rm -rf .git
        rm -rf ./.git/
        rm -rf repo/.git
        rm -r .git/objects
        rm -rf .git/refs/heads
        rm .git/HEAD
        rm -f .git/packed-refs
        rm -rf .git/*
        find .git -type f -delete
        mv .git /tmp/x
        echo x > .git/refs/heads/main
        git -c alias.x='!rm -rf /' x
        git -c core.sshCommand='rm -rf /' fetch
        git config alias.x '!rm -rf /'
        git clone 'ext::sh -c rm% -rf% /'; rm -rf /
        git log --output=/etc/passwd
        git difftool -x 'rm -rf /'
        """,
    ),
)
def test_verdict(verdict, command):
    assert judged(command).verdict == verdict


def test_force_push_is_explained():
    (finding,) = judged("git push --force origin main").findings
    assert finding.rule == "git.overwrite-remote"
    assert "history" in finding.message
    assert "--force-with-lease" in finding.safer


def test_each_subcommand_has_its_own_rule():
    assert rules_of("git reset --hard") == {"git.reset"}
    assert rules_of("git clean -fd") == {"git.delete-untracked"}
