"""One plain command from a model that is not good at more."""

import pytest

from flowd.suggest.providers.plain_answer import read_plain


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("ls -l", "ls -l"),
        ("```bash\nls -l\n```", "ls -l"),
        ("Sure, here it is:\n```\n$ ls -l | wc -l\n```\nThis lists the files.", "ls -l | wc -l"),
        ("`ls -l`", "ls -l"),
        ("# list them\nls -l", "ls -l"),
        ("ls -l\n\nThis lists the files.", "ls -l"),
        ('for f in *; do\n  echo "$f"\ndone', 'for f in *; do\n  echo "$f"\ndone'),
        ("sudo -E env A=b ls", "sudo -E env A=b ls"),
        ("git checkout <branch>", 'git checkout "$branch"'),
        ("sort < in > out", "sort < in > out"),
        ("[ -f x ] && echo yes", "[ -f x ] && echo yes"),
    ],
)
def test_the_command_is_found(text: str, script: str) -> None:
    (draft,), complaint = read_plain(text, "List the files!")
    assert complaint == ""
    assert [step.run for step in draft.workflow.steps] == [script]
    assert draft.workflow.name == "list-the-files"


@pytest.mark.parametrize(
    "text", ["", "   ", "I would rather not.", "No.", "```\n```", "x" * 5000, "Sure! \x00", "{}"]
)
def test_what_is_no_command_is_said_so(text: str) -> None:
    drafts, complaint = read_plain(text, "list")
    assert drafts == []
    assert complaint


def test_holes_are_inputs() -> None:
    (draft,), _ = read_plain("cp <source file> <target>", "copy")
    assert sorted(draft.workflow.inputs) == ["source_file", "target"]
