"""Commands taken apart by manuals given in words: parts with their places, and sentences."""

import pytest

from flowd.exec.manual_pages import Entry
from flowd.exec.option_texts import Manual, manual_of
from flowd.explain.reading import DEEPEST, MOST_COMMANDS, Key, read_script


def manual(name: str, about: str, *lines: str) -> Manual:
    entries = (Entry(*line.split(" : ", 1)) for line in lines)
    return manual_of(f"{name}(1)", about, entries)


KNOWN: dict[Key, Manual] = {
    ("tar", ()): manual(
        "tar",
        "an archiver",
        "-x, --extract : extract",
        "-c : create",
        "-z, --gzip : gzip",
        "-f, --file=ARCHIVE : use ARCHIVE",
        "-C, --directory=DIR : go to DIR",
    ),
    ("git", ()): manual("git", "tracks content", "-C <path> : run there", "-p : page", "-c : set"),
    ("git", ("commit",)): manual(
        "git-commit",
        "record changes",
        "-a, --all : stage",
        "-p : patch",
        "-m <msg>, --message=<msg> : message",
        "-n, --[no-]verify : hooks",
        "-S[<key>], --gpg-sign[=<key>] : sign",
        "--amend : amend",
    ),
    ("find", ()): manual(
        "find",
        "search",
        "-name pattern : by name",
        "-exec command ; : run",
        "-delete : delete",
    ),
    ("head", ()): manual("head", "first part", "-n, --lines=[-]NUM : lines"),
    ("ps", ()): manual("ps", "processes", "-a : all with a terminal", "a : all", "u : readable"),
    ("dd", ()): manual("dd", "copy", "if=FILE : read FILE", "of=FILE : write FILE"),
    ("sed", ()): manual(
        "sed", "edit", "-i[SUFFIX], --in-place[=SUFFIX] : in place", "-e script : do", "-n : quiet"
    ),
    ("rm", ()): manual("rm", "remove", "-r : all below", "-f : never ask"),
}


def parts(script: str) -> list[tuple[str, str, str]]:
    reading = read_script(script, KNOWN)
    for part in reading.parts:
        assert script[slice(*part.span)] == part.text  # the places are right
    return [(part.text, part.kind, part.meaning) for part in reading.parts]


def options(script: str) -> list[tuple[str, str]]:
    return [(text, meaning) for text, kind, meaning in parts(script) if kind == "option"]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("tar -xzf a.tgz", [("-x", "extract"), ("z", "gzip"), ("f a.tgz", "use ARCHIVE")]),
        ("tar xzf a.tgz", [("x", "extract"), ("z", "gzip"), ("f a.tgz", "use ARCHIVE")]),
        ("tar -fa.tgz -x", [("-fa.tgz", "use ARCHIVE"), ("-x", "extract")]),
        ("tar --file=a -C d", [("--file=a", "use ARCHIVE"), ("-C d", "go to DIR")]),
        ("tar --file a --extr", [("--file a", "use ARCHIVE"), ("--extr", "extract")]),
        ("tar -xq a", [("-x", "extract"), ("q", "")]),
        ("tar --strange", [("--strange", "")]),
        (
            "git -C d commit -am 'a b'",
            [("-C d", "run there"), ("-a", "stage"), ("m 'a b'", "message")],
        ),
        ("git -p commit -p", [("-p", "page"), ("-p", "patch")]),
        ("git commit --no-verify", [("--no-verify", "hooks")]),
        ("git commit --no-all", [("--no-all", "the opposite of: stage")]),
        ("git commit -S -a", [("-S", "sign"), ("-a", "stage")]),
        ("git commit -Skey", [("-Skey", "sign")]),
        ("head -20 f", [("-20", "how many lines to print")]),
        ("head -n 5 f", [("-n 5", "lines")]),
        ("head -n5 f", [("-n5", "lines")]),
        ("ps au", [("a", "all"), ("u", "readable")]),
        ("dd if=a of=b", [("if=a", "read FILE"), ("of=b", "write FILE")]),
        ("find . -name '*.py' -delete", [("-name '*.py'", "by name"), ("-delete", "delete")]),
        ("sed -i.bak s/a/b/ f", [("-i.bak", "in place")]),
        ("sed -ne p f", [("-n", "quiet"), ("e p", "do")]),
        (
            "rm -rf -- -x",
            [
                ("-r", "all below"),
                ("f", "never ask"),
                ("--", "what follows are no options, even if it begins with a dash"),
            ],
        ),
        ("rm --help", [("--help", "shows a short help and does nothing else")]),
        ("strange -xyz", [("-xyz", "")]),
    ],
)
def test_options_by_the_programs_own_rules(script: str, expected: list[tuple[str, str]]):
    assert options(script) == expected


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("tar -xzf a.tgz -C d", "Unpacks the archive a.tgz into d."),
        ("tar -czf a.tgz b c", "Packs b and c into the archive a.tgz."),
        ("git commit -am 'a b'", 'Commits all changes as "a b".'),
        ("git stash pop", "Takes changes that were put aside back, and forgets them."),
        ("git frobnicate", "Runs git frobnicate."),
        ("rm -rf a b c d e", "Deletes a, b, c and 2 more with all that is in it without asking."),
        ("cd", "Goes to the home folder."),
        (
            "find . -name '*.o' -exec rm {} ';'",
            "Looks in . for what is called *.o, and with each: deletes it.",
        ),
        ("sudo -u bob rm a", "As the user bob: deletes a."),
        (
            "ls | xargs -n 1 rm",
            "Lists what is here, then from that with what it reads: deletes it.",
        ),
        ("a && b || c", "Runs a, and if that works runs b, or if that fails runs c."),
        (
            "make; rm x &",
            "Makes the first target of the makefile, then deletes x in the background.",
        ),
        (
            "ls > out 2>/dev/null",
            "Lists what is here, with the result in out without its error messages.",
        ),
        ("for f in *.o; do rm $f; done", "For each f of *.o: deletes $f."),
        (
            "if [ -f a ]; then rm a; else mkdir b; fi",
            "If there is a file a: deletes a; else makes the folder b.",
        ),
        (
            "while true; do sleep 1; done",
            "For ever: waits 1 (seconds, unless it says otherwise).",
        ),
        ("A=1 B=2", "Sets A to 1 and sets B to 2."),
        ("export A=1", "Sets A to 1."),
        ("python3 -m pip install x", "With Python: installs the Python package x."),
        ("bash -c 'rm a'", "Runs in a shell: deletes a."),
        ("ssh host rm a", "On the machine host: deletes a."),
        ("./build.sh fast", "Runs ./build.sh with fast."),
        ("$EDITOR a", "Runs $EDITOR with a."),
        (
            "find a ! -name b -delete",
            "Deletes what fits in a.",
        ),
        ("find . -maxdepth 1", "Lists what is in ., 1 deep at most."),
        ("[ -d a ] && rm b", "Looks whether there is a folder a, and if that works deletes b."),
        ("if test -f a; then rm a; fi", "If there is a file a: deletes a."),
        ("until [ $n -gt 3 ]; do rm a; done", "Until $n is more than 3: deletes a."),
        ("git branch --merged master", "Lists branches."),
        ("gzip -l a.gz", "Tells how much a.gz was compressed."),
        ("sort -c f", "Checks whether f is sorted."),
        ("zip -d a.zip f", "Removes f from the archive a.zip."),
        ("uniq -u f", "Prints the lines that do not repeat."),
        ("echo Hello world", 'Prints "Hello world".'),
        ("git checkout -", "Goes back to where it was before."),
        ("cat - > f", "Prints its input, with the result in f."),
        ("kill -9 5", "Sends a signal to 5."),
        ("su - bob", "Becomes bob."),
        ("git config a.b true", "Sets git's a.b to true."),
        ("f() { rm a; }; f", "Defines f, which deletes a, then runs f."),
        ("", ""),
    ],
)
def test_sentences(script: str, sentence: str):
    assert read_script(script, KNOWN).sentence == sentence


def test_every_kind_of_part_has_its_role():
    assert parts('A=1 cp "$x" *.txt d 2>&1 | tee log') == [
        ("A=1", "variable", "sets A to 1 for this command"),
        ("cp", "program", ""),
        ('"$x"', "argument", "a file or folder to copy (with what $x holds then)"),
        ("*.txt", "argument", "a file or folder to copy (every name that matches)"),
        ("d", "argument", "where the copy goes"),
        ("2>&1", "redirect", "sends its errors to where what it prints goes"),
        ("|", "operator", "passes what the command before prints on to the next one"),
        ("tee", "program", ""),
        ("log", "argument", "a file to write to"),
    ]


@pytest.mark.parametrize(
    "script", ["a | b > c", "a && b > c", "a || b < c", "a |& b", "(a; b) | c", "! a && b"]
)
def test_operators_stand_where_they_are(script: str):
    reading = read_script(script, KNOWN)
    operators = [part.text for part in reading.parts if part.kind == "operator"]
    assert operators == [script.replace("(a; b)", "a").replace("! ", "").split()[1]]


def test_sentences_stay_readable():
    reading = read_script(f"awk '{'{print} ' * 5000}' && ls {'>a ' * 5000}", KNOWN)
    assert len(reading.sentence) < 1000
    assert '{print} {pr…" on each line' in reading.sentence
    assert reading.sentence.endswith("…")


def test_scripts_inside_have_places_of_their_own():
    script = "sudo bash -c 'rm -f a' && echo $(head -3 b)"
    reading = read_script(script, KNOWN)
    inside = [(part.text, part.depth) for part in reading.parts if part.depth > 1]
    assert inside == [("rm", 2), ("-f", 2), ("a", 2)]
    assert ("head", 1) in [(part.text, part.depth) for part in reading.parts]
    assert all(script[slice(*part.span)] == part.text for part in reading.parts)
    assert [(c.program, c.depth) for c in reading.commands] == [
        ("sudo", 0),
        ("bash", 1),
        ("rm", 2),
        ("echo", 0),
        ("head", 1),
    ]


def test_a_script_whose_quotes_hide_places_is_explained_without_them():
    script = "bash -c 'rm '\\''a b'\\'"
    reading = read_script(script, KNOWN)
    assert reading.sentence == 'Runs in a shell: deletes "a b".'
    assert {part.span for part in reading.parts if part.depth} == {(8, len(script))}


def test_it_asks_for_what_it_does_not_know_yet():
    assert read_script("git commit -m x; frob | sudo ls", {}).wanted == {
        ("git", ()),
        ("git", ("commit",)),
        ("frob", ()),
        ("sudo", ()),
        ("ls", ()),
    }
    assert read_script("./own.sh; $x; f() { :; }; f", KNOWN).wanted == {(":", ())}


@pytest.mark.parametrize(
    "script",
    ["echo 'open", "((((", "x" * 70_000, "sudo " * 12_000 + "ls", "rm\n" * (MOST_COMMANDS + 1)],
)
def test_what_cannot_be_read_or_is_too_much_is_said(script: str):
    reading = read_script(script, KNOWN)
    assert not reading.complete
    assert len(reading.commands) <= MOST_COMMANDS
    assert all(command.depth <= DEEPEST for command in reading.commands)
