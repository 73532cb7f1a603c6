"""What a diff adds: against git's own count, on random changes, and by hand."""

import random
import subprocess
from pathlib import Path

from flowctl.diffs import added_lines, looks_like_diff

BY_HAND = """\
diff --git a/x.sh b/x.sh
--- a/x.sh
+++ b/x.sh
@@ -1,3 +1,4 @@
 a
-b
+B
+C
 d
@@ -10 +11 @@ f() {
-+++ no name
+--- e
\\ No newline at end of file
diff --git a/gone b/gone
--- a/gone
+++ /dev/null
@@ -1 +0,0 @@
-x
diff --git "a/\\303\\244 b" "b/\\303\\244 b"
--- "a/\\303\\244 b"
+++ "b/\\303\\244 b"
@@ -0,0 +1 @@
+x
"""


def test_ranges_of_lines_by_file():
    assert added_lines(BY_HAND) == {"x.sh": [(2, 3), (11, 11)], "ä b": [(1, 1)]}
    assert added_lines("") == {}


def test_a_workflow_is_no_diff():
    assert looks_like_diff(BY_HAND)
    assert looks_like_diff("--- a\n+++ b\n@@ -1 +1 @@\n")
    assert not looks_like_diff("flow: 1\nname: --- x\n")


def test_the_lines_are_those_that_git_added(tmp_path: Path):
    chance = random.Random(5)
    old, new = tmp_path / "old", tmp_path / "new"
    for _ in range(40):
        before = [f"line {chance.randrange(30)}" for _ in range(chance.randrange(30))]
        after = [each for each in before if chance.random() < 0.8]
        for _ in range(chance.randrange(6)):
            after.insert(chance.randrange(len(after) + 1), f"+++ new {chance.randrange(9)}")
        old.write_text("".join(f"{each}\n" for each in before))
        new.write_text("".join(f"{each}\n" for each in after))
        unified = f"-U{chance.randrange(4)}"
        diff = subprocess.run(
            ["git", "diff", "--no-index", unified, str(old), str(new)],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        ranges = added_lines(diff)
        numbers = {n for spans in ranges.values() for a, b in spans for n in range(a, b + 1)}
        kept = [each for at, each in enumerate(after, 1) if at not in numbers]
        rest = iter(before)
        assert all(each in rest for each in kept)  # what is not new was there, in that order
        added = diff.count("\n+") - diff.count(f"\n+++ b{new}")
        assert len(numbers) == added
