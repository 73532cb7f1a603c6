"""Manual pages and help texts, in the ways they are written, become options with descriptions."""

import pytest

from flowd.exec.manual_pages import LONGEST_TEXT, Entry, first_sentence, read_page
from flowd.exec.option_texts import NUMBER, manual_of, read_help

MAN = r"""
.\" a comment
.TH FROB 1
.SH NAME
frob \- frobs what it is
given
.SH OPTIONS
.TP
\fB\-a\fR, \fB\-\-all\fR
Frob all of it. More is said here.
.IP
A second paragraph.
.TP
.BI \-n \ NUM
.TQ
.BI \-\-lines= NUM
Frob only NUM lines.
.IP "\-\-[no\-]color[=WHEN]" 4
Colour the output.
.HP
\fB\-s\fR script, \fB\-\-script\fR=\fIscript\fR
.IP
what to run
.HP
\fB\-w\fR,
\fB\-\-wide\fR
.IP
Make it wide.
.if t .tm nothing
.ie n \{\
.TP
.B \-q
Be quiet.
.\}
.el \{\
.TP
.B \-Q
Never seen.
.\}
.de XX
.TP
.B \-z
..
.TP
.I \-NUM
As many lines.
.SH COMMANDS
.PP
\fBstart\fR \fIUNIT\fR\&...
.RS 4
Start units.
.RE
.PP
\-d, \-\-deep
.RS 4
Go deep\&. And more\&.
.RE
.PP
This is no tag:
.RS 4
nor is this an option
.RE
.SH OPERANDS
.TP
if=FILE
read from FILE
"""
MDOC = """
.Dd May 1
.Sh NAME
.Nm pod
.Nd keeps peas
.Sh DESCRIPTION
.Bl -tag
.It Fl v
.It Fl -verbose
Says more.
.Pp
Much more.
.It Fl D Xo
.Oo Ar address : Oc Ns Ar port
.Xc
Forwards a port, see
.Xr ssh 1 .
.It Fl Fl exclude Ns = Ns Ar pattern
Leaves
.Dq everything
out.
.El
"""


def texts(source: str) -> dict[str, str]:
    page = read_page(source)
    manual = manual_of("x(1)", page.about, page.entries)
    return {name: option.text for name, option in manual.options.items()} | manual.words


def test_the_macros_of_man():
    assert read_page(MAN).about == "frobs what it is given"
    assert texts(MAN) == {
        "-a": "Frob all of it. More is said here.",
        "--all": "Frob all of it. More is said here.",
        "-n": "Frob only NUM lines.",
        "--lines": "Frob only NUM lines.",
        "--color": "Colour the output.",
        "--no-color": "Colour the output.",
        "-s": "what to run",
        "--script": "what to run",
        "-w": "Make it wide.",
        "--wide": "Make it wide.",
        "-q": "Be quiet.",
        NUMBER: "As many lines.",
        "start": "Start units.",
        "-d": "Go deep. And more.",
        "--deep": "Go deep. And more.",
        "if=": "read from FILE",
    }


def test_the_macros_of_mdoc():
    assert read_page(MDOC).about == "keeps peas"
    assert texts(MDOC) == {
        "-v": "Says more.",
        "--verbose": "Says more.",
        "-D": "Forwards a port, see ssh(1).",
        "--exclude": 'Leaves "everything" out.',
    }


@pytest.mark.parametrize(
    ("tag", "names", "takes"),
    [
        ("-a, --all", ["-a", "--all"], "nothing"),
        ("-f FILE, --file=FILE", ["-f", "--file"], "a value"),
        ("-i[SUFFIX], --in-place[=SUFFIX]", ["-i", "--in-place"], "perhaps a value"),
        ("--[no-]verify", ["--verify", "--no-verify"], "nothing"),
        ("-n, --lines=[-]NUM", ["-n", "--lines"], "a value"),
        ("-S[<id>], --[no-]sign[=<id>]", ["-S", "--sign", "--no-sign"], "perhaps a value"),
        ("-c, --check, --check=quiet", ["-c", "--check"], "perhaps a value"),
        ("-L [address:]port:host", ["-L"], "a value"),
        ("-j [jobs]", ["-j"], "perhaps a value"),
        ("-A, --all-namespaces=false", ["-A", "--all-namespaces"], "perhaps a value"),
        ("-maxdepth levels", ["-maxdepth"], "a value"),
        ("-Olevel", ["-O"], "a value"),
        ("-v or --verbose", ["-v", "--verbose"], "nothing"),
        ("-h | --help", ["-h", "--help"], "nothing"),
        ("-<number>, -n <number>", [NUMBER, "-n"], "a value"),
        ("--add-host host:ip", ["--add-host"], "a value"),
    ],
)
def test_a_tag_tells_names_and_values(tag: str, names: list[str], takes: str):
    manual = manual_of("x(1)", "", [Entry(tag, "says")])
    assert list(manual.options) == names
    assert {option.takes for option in manual.options.values()} == {takes}


HELP = """\
Usage: frob [OPTIONS] COMMAND

Frobs the things that are given

Options:
  -a, --all                Everything
                           there is
      --name string        What to call it
  -q                       Quiet

Commands:
  build       Build a thing
  ls          List things
"""
LIKE_KUBECTL = (
    "Frobs it well.\n\n    -o, --output='':\n\tOutput format.\n    --watch=false:\n\tWatch it.\n"
)
LIKE_BASH = """\
cd: cd [-L|[-P [-e]]] [dir]
    Change the directory.
    
    Options:
      -L\tforce symbolic links to be followed: resolve
    \t\tlinks
"""  # noqa: W293


def test_help_texts():
    about, entries = read_help(HELP)
    assert about == "Frobs the things that are given"
    assert [(entry.tag, entry.text) for entry in entries] == [
        ("-a, --all", "Everything there is"),
        ("--name string", "What to call it"),
        ("-q", "Quiet"),
        ("build", "Build a thing"),
        ("ls", "List things"),
    ]
    about, entries = read_help(LIKE_KUBECTL)
    assert (about, [entry.text for entry in entries]) == (
        "Frobs it well.",
        ["Output format.", "Watch it."],
    )
    about, entries = read_help(LIKE_BASH)
    assert about == "Change the directory."
    assert entries == [Entry("-L", "force symbolic links to be followed: resolve links")]


def test_the_first_sentence_that_says_something():
    assert first_sentence("Do this, e.g. That. Not this.") == "Do this, e.g. That. Not this."
    long = "This sentence is long enough to say something. Another one follows."
    assert first_sentence(long) == "This sentence is long enough to say something."
    usual = "By default it is on, as everybody would think. With this option it is off. More."
    assert first_sentence(usual).endswith("With this option it is off.")
    assert len(first_sentence("word " * 200)) <= LONGEST_TEXT + 2


@pytest.mark.parametrize(
    "source", ["", ".TP", ".TP\n.TP\n.RE\n.RS", '.IP "', "\\", ".It Fl", ".de", ".if n \\{"]
)
def test_broken_pages_are_read_as_far_as_they_go(source: str):
    assert read_page(source).entries == ()
