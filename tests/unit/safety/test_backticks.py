"""What stands between backticks runs, wherever bash would run it and the grammar overlooks it."""

import pytest

from flowd.safety.judge import make_judge


@pytest.mark.parametrize(
    "script",
    [
        "say `echo $x` `rm -rf /`",
        "say `echo $x``rm -rf /`",
        'say `echo "$x"`  `rm -rf /`',
        'say "`echo $x` `rm -rf /`"',
        'say "`echo $x``rm -rf /`"',
        "echo `echo \\`rm -rf /\\``",
        "echo `echo \\`echo \\\\\\`rm -rf /\\\\\\`\\``",
        "cat <<E\n`rm -rf /`\nE",
        "cat <<E\n`rm -rf \\\n/`\nE",
        "cat <<E\n$x `echo $x` `rm -rf /`\nE",
        "cat <<-E\n\t`rm -rf /`\n\tE",
        "cat <<-E\n\t$(rm -rf /)\n\tE",
        "cat <<E\n  $(rm -rf /)\nE",
        "cat <<E\n${x:-`rm -rf /`}\nE",
        "cat <<E\n$((1+`rm -rf /`))\nE",
        'cat <<E\n"$(echo ")" "`rm -rf /`")"\nE',
        "cat <<E\n$(cat <<F\n`rm -rf /`\nF\n)\nE",
        'echo "${x:-`rm -rf /`}"',
        "echo ${x:=a`rm -rf /`}",
        "# ` ` '\nrm -rf /\n'",
        "echo é `echo $x` `rm -rf /`",
    ],
)
def test_it_is_judged(script):
    assert make_judge().judge(script).verdict == "block"


@pytest.mark.parametrize(
    "script",
    [
        "echo `ls` `date` ``",
        "git commit -m '```rm -rf /``` and `` `rm -rf /` ``'",
        "cat <<'E'\n`rm -rf /`\nE",
        "cat <<E\nit costs \\$(rm -rf /)\nE",
        "cat <<E\nit says \\`rm -rf /\\`\nE",
        'cat <<E\n$x costs $5, 100% "of it" isn\'t $\nE',
        "echo `echo '\\`' rm -rf /`",
        "cat <<E\n`git status`\n$(date)\nE",
    ],
)
def test_what_does_not_run_or_does_no_harm_is_allowed(script):
    assert make_judge().judge(script).verdict == "allow"


def test_a_finding_in_a_here_document_shows_its_place():
    script = "cat <<E\nüber `rm -rf /` alles\nE"
    (finding,) = make_judge().judge(script).findings
    assert script[slice(*finding.span)] == "`rm -rf /`"


@pytest.mark.parametrize("body", ["$(echo", "`echo", "${x:-", '$(echo "', "$(" * 80])
def test_an_expansion_without_end_needs_agreement(body):
    assert make_judge().judge(f"cat <<E\n{body}\nE").verdict == "confirm"
