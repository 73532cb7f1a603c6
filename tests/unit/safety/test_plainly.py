"""Scripts that are one command or one pipe, and what they call."""

import pytest

from flowd.safety.plainly import calls_of_plain


@pytest.mark.parametrize(
    ("script", "calls"),
    [
        ("tar -xf a.tar", [["tar", "-xf", "a.tar"]]),
        ("A=1 tar 'a b' > list", [["tar", "a b"]]),
        ('tar "$file" -v', [["tar"]]),
        ("cat list | sort -u", [["cat", "list"], ["sort", "-u"]]),
        ("cd x && tar", None),
        ("tar\nsort", None),
        ("tar; sort", None),
        ("for x in *; do tar; done", None),
        ("find . | while read x; do tar; done", None),
        ("tar &", None),
        ("tar 'x", None),
        ("A=1", [[]]),
    ],
)
def test_what_a_plain_script_calls(script: str, calls: list[list[str]] | None):
    assert calls_of_plain(script) == calls
