"""The rules of users, projects and administrators."""

import os
from datetime import UTC, datetime

import pytest

from flowd.domain.boundaries import Boundaries
from flowd.errors import InvalidInput
from flowd.safety.judge import make_judge
from flowd.safety.policed import PolicedJudge
from flowd.safety.policy.layers import boundaries_for, policy_for
from flowd.safety.policy.loading import PolicyFiles, load_layer

NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)  # a Friday
CWD = "/work/app"


@pytest.fixture
def layer(tmp_path):
    """Reads a text as a policy file of a kind, examples and all."""

    def read(text, kind="user"):
        folder = tmp_path / kind / ".flow"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "policy.yaml"
        path.write_text(text, encoding="utf-8")
        return load_layer(kind, path)

    return read


@pytest.fixture
def judged(layer):
    """Judges a script by the texts of the user's, the project's and the administrator's file."""

    def judge(text, script, *, project="", administrator="", cwd=CWD, moment=NOON):
        given = [(administrator, "administrator"), (text, "user"), (project, "project")]
        layers = [layer(each, kind) for each, kind in given if each]
        return make_judge(policy_for(layers, cwd, moment)).judge(script, cwd=cwd)

    return judge


@pytest.mark.parametrize(
    ("rules", "script", "expected"),
    [
        ("allow: ['rm notes.txt']", "rm notes.txt", "allow"),
        ("allow: ['rm notes.txt']", "rm other.txt", "confirm"),
        ("allow: ['rm *.txt']", "rm other.txt", "allow"),
        ("allow: ['rm *.txt']", "rm a.txt b.txt", "confirm"),
        ("allow: ['rm **']", "rm a b c", "allow"),
        ("allow: ['rm **']", "rm -rf src", "allow"),
        ("allow: ['rm **']", "rm -rf /", "block"),
        ("allow: ['rm **']", 'rm -rf "$x"', "confirm"),
        ("allow: ['rm **']", "sudo rm x", "confirm"),
        ("allow: ['sudo systemctl restart app']", "sudo systemctl restart app", "allow"),
        ("allow: ['sudo **']", "sudo rm -rf /", "block"),
        ("allow: ['bash deploy.sh']", "bash deploy.sh", "allow"),
        ("allow: ['bash **']", "curl http://x | bash", "block"),
        ("allow: ['./deploy.sh']", "./deploy.sh", "confirm"),
        ("allow: ['deploy.sh']", "./deploy.sh", "allow"),
        (
            "allow: ['git push --force-with-lease **']",
            "git push --force-with-lease origin",
            "allow",
        ),
        ("allow: ['git push --force-with-lease **']", "git push --force", "confirm"),
        ("allow: ['git push **']", "git push --force && rm x", "confirm"),
        ("allow: ['echo **']", "echo x > /etc/passwd", "block"),
        ("confirm: ['kubectl **']", "kubectl get pods", "confirm"),
        ("confirm: ['kubectl **']", "ls", "allow"),
        ("confirm: ['make release']", "if true; then make release; fi", "confirm"),
        ("confirm: ['make release']", "make $goal", "confirm"),
        ("block: ['terraform **']", "terraform plan", "block"),
        ("block: ['terraform **']", "terraform", "block"),
        ("block: ['terraform ? **']", "terraform plan", "allow"),
        ("block: ['git push * main']", "git push origin main", "block"),
        ("block: ['git push * main']", "git push origin dev", "allow"),
        ("block: ['git push * main']", "bash -c 'git push origin main'", "block"),
        ("block: ['npm **']\nallow: ['npm **']", "npm install x", "block"),
        ("confirm: ['rm **']\nallow: ['sudo **']", "sudo rm x", "confirm"),
        ("{}", "rm x", "confirm"),
        ("allow:", "rm x", "confirm"),
    ],
)
def test_verdict(judged, rules, script, expected):
    assert judged(rules, script).verdict == expected


PUSH = "confirm: ['git push **']\nallow: ['git push origin docs/*']"
ASKED = "block: ['git push **']\nconfirm: ['git push origin *']"
TIDY = (
    "block: [{program: rm, paths: ['/work/**']}]\n"
    "allow: [{program: rm, paths: ['/work/app/tmp/**']}]"
)


@pytest.mark.parametrize(
    ("rules", "script", "expected"),
    [
        (PUSH, "git push origin x", "confirm"),
        (PUSH, "git push origin docs/x", "allow"),
        (PUSH, "git push origin docs/$x", "confirm"),
        (ASKED, "git push origin x", "confirm"),
        (ASKED, "git push", "block"),
        (ASKED, "git push origin $x", "block"),
        ("allow: ['git **']\nblock: ['git push --force **']", "git push --force", "block"),
        ("block: ['npm **']\nallow: ['npm **']", "npm install x", "block"),
        # how many words two rules have does not make one the exception of the other
        (
            "block: [{program: rm, paths: [/work/keep]}]\nallow: ['rm -rf build **']",
            "rm -rf build /work/keep/x",
            "block",
        ),
        (TIDY, "rm -r tmp/x /work/app/tmp/y", "allow"),
        (TIDY, "rm -r tmp/x ../y", "block"),
        (
            "confirm: [{program: git, subcommand: push}]\nallow: ['git push origin docs']",
            "git push origin docs",
            "allow",
        ),
        (
            "block: ['git push **']\nallow: [{program: git, subcommand: push, branches: [dev]}]",
            "git push origin dev",
            "allow",
        ),
    ],
)
def test_an_exception_says_what_the_broader_rule_says_and_more(judged, rules, script, expected):
    assert judged(rules, script).verdict == expected


@pytest.mark.parametrize(
    ("condition", "script", "expected"),
    [
        ("program: 'terra*'", "terraform plan", "block"),
        ("program: git, subcommand: push", "git -C x -c a=b push", "block"),
        ("program: git, subcommand: push", "git log push", "allow"),
        ("program: git, subcommand: push", "git $x", "block"),
        ("program: git, subcommand: remote add", "git remote add a b", "block"),
        ("program: git, subcommand: remote add", "git remote -v", "allow"),
        ("program: mytool, subcommand: drop", "mytool --level 3 drop", "block"),
        ("program: tar, flags: [-f, --file]", "tar -xf a.tar", "block"),
        ("program: tar, flags: [-f, --file]", "tar --file=a.tar -x", "block"),
        ("program: tar, flags: [-f, --file]", "tar -t", "allow"),
        ("program: ls, flags: [--all]", "ls -- --all", "allow"),
        ("program: ls, flags: [--all]", "ls --al", "block"),
        ("program: find, flags: [-print]", "find . -print", "block"),
        ("program: cat, paths: ['~/notes']", "cat ~/notes/id", "block"),
        ("program: cat, paths: ['~/notes']", "cat $HOME/notes/../x", "allow"),
        ("program: cat, paths: [keep]", "cat keep", "block"),
        ("program: cat, paths: [keep]", "cd .. && cat app/keep", "block"),
        ("program: cat, paths: [keep]", "cat < keep", "block"),
        ("program: cat, paths: [keep]", "cat /else/keep", "allow"),
        ("program: cat, paths: ['*.md']", "cat a/b.md", "allow"),
        ("program: cat, paths: ['**/*.md']", "cat a/b.md", "block"),
        ("program: cat, paths: ['k*']", "cat *", "block"),
        ("program: cp, paths: [keep/x]", "cp -r . /work/else", "block"),
        ("hosts: ['*.example.org']", "curl https://a.example.org:8/x", "block"),
        ("hosts: ['*.example.org']", "git clone git@a.example.org:x/y", "block"),
        ("hosts: ['*.example.org']", "ssh -p 22 u@a.example.org ls", "block"),
        ("hosts: ['*.example.org']", "rsync x a.example.org:y", "block"),
        ("hosts: ['*.example.org']", "wget a.example.org/x", "block"),
        ("hosts: ['*.example.org']", "curl https://example.com/a.example.org", "allow"),
        ("hosts: ['*.example.org']", "curl https://$host/", "block"),
        ("subcommand: push, branches: [main]", "git push origin main", "block"),
        ("subcommand: push, branches: [main]", "git push origin x:refs/heads/main", "block"),
        ("subcommand: push, branches: [main]", "git push origin +main", "block"),
        ("subcommand: push, branches: [main]", "git push --all", "block"),
        ("subcommand: push, branches: [main]", "git push", "block"),
        ("subcommand: push, branches: [main]", "git push origin dev", "allow"),
        ("program: git, branches: ['release/*']", "git checkout release/1", "block"),
        ("program: git, branches: ['release/*']", "git commit -m x", "allow"),
    ],
)
def test_conditions(judged, condition, script, expected):
    assert judged(f"block: [{{{condition}}}]", script).verdict == expected


@pytest.mark.parametrize(
    ("condition", "script", "expected"),
    [
        ("program: rm, paths: ['scratch/**']", "rm -f scratch/a scratch/b", "allow"),
        ("program: rm, paths: ['scratch/**']", "rm -f scratch/a src/b", "confirm"),
        ("program: rm, paths: ['scratch/**']", 'rm -f scratch/"$x"', "confirm"),
        ("program: git, subcommand: push, branches: [dev]", "git push -f origin dev", "allow"),
        ("program: git, subcommand: push, branches: [dev]", "git push -f origin dev x", "confirm"),
        ("program: git, subcommand: push, branches: [dev]", "git push -f", "confirm"),
    ],
)
def test_what_is_allowed_must_be_meant_wholly(judged, condition, script, expected):
    assert judged("{}", script).verdict == "confirm"
    assert judged(f"allow: [{{{condition}}}]", script).verdict == expected


@pytest.mark.parametrize(
    ("when", "moment", "expected"),
    [
        ("{days: [fri]}", NOON, "block"),
        ("{days: [sat, sun]}", NOON, "allow"),
        ("{from: '09:00', to: '17:00'}", NOON, "block"),
        ("{from: '22:00', to: '06:00'}", NOON, "allow"),
        ("{from: 22:00, to: 06:00}", NOON.replace(hour=23), "block"),
        ("{days: [fri], from: '22:00', to: '06:00'}", NOON.replace(day=28, hour=5), "block"),
        ("{days: [fri], from: '22:00', to: '06:00'}", NOON.replace(day=27, hour=5), "allow"),
    ],
)
def test_rules_hold_at_their_time(judged, when, moment, expected):
    rules = f"block: [{{run: ls, when: {when}}}]"
    assert judged(rules, "ls", moment=moment).verdict == expected


@pytest.mark.parametrize(
    ("rules", "script", "expected", "rule"),
    [
        ("writable: ['.']", "touch a && rm -f build/x && echo x > b/c", "allow", ""),
        ("writable: ['.']", "touch /work/other", "block", "policy.writable"),
        ("writable: ['.']", "echo x > ../other", "block", "policy.writable"),
        ("writable: ['.']", "cp a ~/b", "block", "policy.writable"),
        ("writable: ['.']", "cp ~/b a", "allow", ""),
        ("writable: ['.']", "ls / > /dev/null 2>&1", "allow", ""),
        ("writable: ['.']", 'touch "$x"', "confirm", "policy.writable"),
        ("writable: []", "touch a", "block", "policy.writable"),
        ("writable: ['.']", "git clone https://a.org/x ../x", "confirm", "policy.writable"),
        ("writable: ['.']", "git -C ../other commit -m 'see ../x'", "confirm", "policy.writable"),
        ("writable: ['.']", "git commit -m 'see ../x'", "allow", ""),
        ("writable: ['.']", "patch ../x p", "confirm", "policy.writable"),
        ("writable: ['.']", "pytest -q tests/unit", "allow", ""),
        ("writable: ['.']", "sed -i s/a/b/ ../x", "block", "policy.writable"),
        ("writable: ['.']", "dd if=/work/x of=../x", "block", "policy.writable"),
        ("readable: ['.']", "cat a /usr/share/x", "allow", ""),
        ("readable: ['.']", "cat /work/other", "block", "policy.readable"),
        ("readable: ['.']", "grep /x/ a", "allow", ""),
        ("readable: ['.']", "wc < ../x", "block", "policy.readable"),
        ("readable: ['.']", "mytool /work/other", "confirm", "policy.readable"),
        ("readable: ['.']", "echo /work/other", "allow", ""),
        ("network: none", "curl https://example.org", "block", "policy.network"),
        ("network: none", "git push", "block", "policy.network"),
        ("network: none", "git commit -m push", "allow", ""),
        ("network: none", "npm test", "allow", ""),
        ("network: none", "npm ci", "block", "policy.network"),
        ("network: none", "git submodule status", "allow", ""),
        ("network: none", "git submodule update", "block", "policy.network"),
        ("network: none", "docker run --network=none x", "allow", ""),
        ("network: none", "docker run x", "block", "policy.network"),
        ("network: none", "echo x > /dev/tcp/example.org/80", "block", "policy.network"),
        ("network: allow", "curl https://example.org", "allow", ""),
        ("privilege: none", "sudo ls", "block", "policy.privilege"),
        ("privilege: none", "ls sudo", "allow", ""),
        ("privilege: none\nallow: ['sudo ls']", "sudo ls", "block", "policy.privilege"),
    ],
)
def test_boundaries(judged, rules, script, expected, rule):
    judgement = judged(rules, script)
    assert judgement.verdict == expected
    assert rule == "" or rule in {finding.rule for finding in judgement.findings}


@pytest.mark.parametrize(
    ("user", "project", "administrator", "script", "expected"),
    [
        ("allow: ['rm x']", "", "", "rm x", "allow"),
        ("allow: ['rm x']", "", "confirm: ['rm **']", "rm x", "confirm"),
        ("allow: ['rm x']", "", "block: ['rm **']", "rm x", "block"),
        ("allow: ['rm x']", "confirm: ['rm **']", "", "rm x", "confirm"),
        ("allow: ['rm x']", "block: [ls]", "", "rm x", "allow"),
        ("", "", "allow: ['rm x']", "rm x", "confirm"),
        ("", "", "block: ['ls **']\nallow: [ls]", "ls", "allow"),
        ("", "", "block: ['ls **']\nallow: [ls]", "ls /", "block"),
        ("allow: ['rm -rf /']", "", "", "rm -rf /", "block"),
    ],
)
def test_no_layer_loosens_another(judged, user, project, administrator, script, expected):
    judgement = judged(user, script, project=project, administrator=administrator)
    assert judgement.verdict == expected


def test_the_finding_tells_the_rule_its_place_and_what_its_author_says(judged):
    rules = "block:\n  - run: terraform **\n    message: Ask Jo.\n    safer: terraform plan\n"
    (finding,) = judged(rules, "terraform destroy").findings[:1]
    assert finding.rule == "policy.block"
    assert "terraform **" in finding.message
    assert finding.message.startswith("Ask Jo.")
    assert finding.safer == "terraform plan"
    assert finding.source.endswith("policy.yaml:2")


def test_examples_are_tried(layer):
    read = layer(
        """
        confirm:
          - run: kubectl **
            match: [kubectl get pods, sudo kubectl get pods]
            not_match: [kubectx x, echo kubectl get pods]
        allow:
          - program: rm
            paths: [~/scratch/**]
            when: {days: [sun]}
            match: [rm ~/scratch/x]
            not_match: [rm ~/scratch/x ~/y]
        """
    )
    assert [rule.verdict for rule in read.rules] == ["confirm", "allow"]


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("alow: []", 1, 1, "`alow` is not known"),
        ("allow:\n  - run: rm x\n    mtach: []", 3, 5, "`mtach` is not known"),
        ("allow:\n  - match: [rm x]", 2, 5, "needs `run`, or"),
        ("allow: rm", 1, 8, "must be a list"),
        ("- rm", 1, 1, "must be a mapping"),
        ("allow:\n  - [rm]", 2, 5, "must be a mapping"),
        ("allow:\n  - 'rm \"x'", 2, 5, "quote that does not end"),
        ("allow:\n  - '**'", 2, 5, "must begin with the name of a program"),
        ("allow:\n  - ''", 2, 5, "must begin with the name of a program"),
        ("allow: [\n", 2, 1, "expected"),
        ("allow: []\nallow: []", 2, 1, "twice"),
        ("block:\n  - run: rm *\n    match: [ls]", 3, 13, "does not match its example `ls`"),
        ("block:\n  - run: rm *\n    not_match: [rm x]", 3, 17, "matches its example `rm x`"),
        ("block:\n  - run: rm x\n    program: rm", 2, 5, "names the program already"),
        ("block:\n  - {program: ''}", 2, 15, "is empty"),
        ("block:\n  - {program: rm, flags: [f]}", 2, 26, "with its dashes"),
        ("block:\n  - {program: rm, paths: []}", 2, 26, "at least one"),
        ("block:\n  - {run: rm, when: {days: [someday]}}", 2, 28, "is no day"),
        ("block:\n  - {run: rm, when: {from: 25:00}}", 2, 28, "no time of day"),
        ("block:\n  - {run: rm, when: &a {days: [*a]}}", 2, 21, "must be a text"),
        ("network: nope", 1, 10, "must be none or allow"),
        ("writable: x", 1, 11, "must be a list"),
        ("x" * 300_000, 1, 1, "longer than"),
        ("allow: [" + "a," * 1001 + "]", 1, 1, "more than 1000 rules"),
        (f"allow:\n  - {{run: a, match: [{'a' * 1001}]}}", 2, 22, "too long"),
    ],
)
def test_a_broken_policy_says_where_and_why(layer, text, line, column, says):
    with pytest.raises(InvalidInput) as caught:
        layer(text)
    assert says in caught.value.message
    assert (caught.value.data["line"], caught.value.data["column"]) == (line, column)
    assert f":{line}:{column}:" in caught.value.message
    assert caught.value.cure


def test_what_a_project_allows_is_an_error_with_its_line(layer):
    with pytest.raises(InvalidInput) as caught:
        layer("confirm: [ls]\nallow:\n  - rm x\n", "project")
    assert "may only tighten" in caught.value.message
    assert caught.value.data["line"] == 3


def policed(tmp_path, **given):
    files = PolicyFiles(tmp_path / "policy.yaml", administrator=tmp_path / "admin.yaml", **given)
    return PolicedJudge(files, now=lambda: NOON)


def test_files_are_read_again_when_they_change(tmp_path):
    judge = policed(tmp_path)
    assert judge.judge("ls").verdict == "allow"
    (tmp_path / "policy.yaml").write_text("block: [ls]")
    assert judge.judge("ls").verdict == "block"
    (tmp_path / "policy.yaml").write_text("confirm: [ls]")
    assert judge.judge("ls").verdict == "confirm"
    (tmp_path / "policy.yaml").unlink()
    assert judge.judge("ls").verdict == "allow"
    (tmp_path / "admin.yaml").write_text("block: [ls]")
    assert judge.judge("ls").verdict == "block"


def test_the_time_of_day_counts_when_something_is_judged(tmp_path):
    moments = [NOON, NOON.replace(hour=23), NOON]
    (tmp_path / "policy.yaml").write_text("block: [{run: ls, when: {from: '22:00', to: '6:00'}}]")
    files = PolicyFiles(tmp_path / "policy.yaml", administrator=tmp_path / "admin.yaml")
    judge = PolicedJudge(files, now=lambda: moments[0])
    verdicts = []
    while moments:
        verdicts.append(judge.judge("ls").verdict)
        moments.pop(0)
    assert verdicts == ["allow", "block", "allow"]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"allow: [", b"block: ['\"x']"])
@pytest.mark.parametrize("name", ["policy.yaml", "admin.yaml", ".flow/policy.yaml"])
def test_with_a_broken_file_whatever_changes_something_is_asked_about(tmp_path, name, content):
    (tmp_path / ".flow").mkdir()
    (tmp_path / "policy.yaml").write_text("allow: ['rm x']")
    (tmp_path / name).write_bytes(content)
    judge = policed(tmp_path)
    cwd = str(tmp_path)
    judgement = judge.judge("touch a", cwd=cwd)
    assert judgement.verdict == "confirm"
    assert str(tmp_path / name) in judgement.findings[0].message
    assert judge.judge("rm x", cwd=cwd).verdict == "confirm"
    assert judge.judge("git status", cwd=cwd).verdict == "allow"
    assert judge.judge("rm -rf /", cwd=cwd).verdict == "block"


@pytest.mark.parametrize("then", ["block: ['touch **']", "block: ["])
def test_a_judge_as_of_now_goes_by_the_rules_of_now(tmp_path, then):
    """So that all scripts of a workflow are judged by the same ones."""
    (tmp_path / "policy.yaml").write_text("confirm: ['touch **']")
    judge = policed(tmp_path)
    before = judge.as_of_now("/work")
    (tmp_path / "policy.yaml").write_text(then)
    verdict = judge.judge("touch a", cwd="/work").verdict
    assert before.judge("touch a", cwd="/work").verdict == "confirm"
    assert before.judge("mkdir a", cwd="/work").verdict == "allow"
    assert judge.as_of_now("/work").judge("touch a", cwd="/work").verdict == verdict
    assert judge.as_of_now("/work").judge("mkdir a", cwd="/work").verdict == (
        "allow" if verdict == "block" else "confirm"
    )


def test_a_pipe_in_the_place_of_a_policy_holds_nobody_up(tmp_path):
    os.mkfifo(tmp_path / "policy.yaml")
    assert policed(tmp_path).judge("touch a").verdict == "confirm"


def test_a_project_counts_up_to_the_top_of_its_checkout_where_it_is_trusted(tmp_path):
    top = tmp_path / "checkout"
    inner = top / "a" / "b"
    inner.mkdir(parents=True)
    for folder, program in ((tmp_path, "id"), (top, "ls"), (inner, "pwd")):
        (folder / ".flow").mkdir()
        (folder / ".flow" / "policy.yaml").write_text(f"block: [{program}]")

    def blocked(judge):
        names = ("id", "ls", "pwd")
        return [name for name in names if judge.judge(name, cwd=str(inner)).verdict == "block"]

    assert blocked(policed(tmp_path)) == ["pwd"]
    (top / ".git").mkdir()
    assert blocked(policed(tmp_path)) == ["ls", "pwd"]
    assert blocked(policed(tmp_path, trusts=lambda folder: folder == inner)) == ["pwd"]


def test_relative_paths_of_a_project_start_in_it_and_the_users_in_the_folder_of_the_run(tmp_path):
    inner = tmp_path / "inner"
    for folder in (tmp_path / ".flow", tmp_path / ".git", inner):
        folder.mkdir()
    (tmp_path / ".flow" / "policy.yaml").write_text("block: [{program: cat, paths: [keep]}]")
    judge = policed(tmp_path)
    assert judge.judge("cat ../keep", cwd=str(inner)).verdict == "block"
    assert judge.judge("cat keep", cwd=str(inner)).verdict == "allow"
    (tmp_path / "policy.yaml").write_text("block: [{program: cat, paths: [mine]}]")
    assert judge.judge("cat mine", cwd=str(inner)).verdict == "block"
    assert judge.judge("cat ../mine", cwd=str(inner)).verdict == "allow"


def test_the_boundaries_are_there_for_whoever_holds_them(tmp_path):
    (tmp_path / "policy.yaml").write_text("writable: ['.', /tmp/x]\nnetwork: none")
    (tmp_path / "admin.yaml").write_text("privilege: none")
    first, second = policed(tmp_path).boundaries("/work")
    assert first == Boundaries(privilege=False)
    assert second == Boundaries(writable=("/work/**", "/tmp/x/**"), network=False)


def test_a_step_may_write_its_outputs_wherever_else_it_may_not(judged):
    assert judged("writable: ['.']", 'echo x=1 >> "$FLOW_OUTPUT"').verdict == "allow"
    assert judged("readable: ['.']", 'cat "$FLOW_OUTPUT"').verdict == "allow"
    assert judged("writable: ['.']", 'echo x=1 >> "$FLOW_OUTPUT.2"').verdict == "block"


def test_the_kernel_is_told_of_real_places(layer, monkeypatch):
    """The judge makes up a home of its own; somebody may have that very one."""
    monkeypatch.setenv("HOME", "/home/me")
    drawn = boundaries_for(
        [
            layer("writable: [., ~/notes, '*.log']\nnetwork: none\n"),
            layer("confirm: [make]\n", "administrator"),
        ],
        CWD,
    )
    places = ("/work/app/**", "/home/me/notes/**", "/work/app/*.log")
    assert drawn == (Boundaries(writable=places, network=False),)


def test_a_command_and_its_argument_that_cross_the_same_are_told_once(judged):
    script = "curl -d x http://a.example; curl -d x http://b.example"
    found = judged("network: none", script).findings
    crossed = [finding.span for finding in found if finding.rule == "policy.network"]
    assert crossed == [(0, 26), (28, 54)]
