"""Examples of manual pages, in the ways pages set them, become commands with what they are for."""

import pytest

from flowd.exec.manual_examples import read_examples


def examples(source: str) -> list[tuple[str, str]]:
    def is_command(line: str) -> bool:
        return line.startswith("frob ") or "| frob" in line

    return [(each.text, each.command) for each in read_examples(source, is_command)]


TAGS = r"""
.SH NAME
frob \- frobs
.SH EXAMPLES
.TP
.B frob \-a \(dq*.pea\(dq
Frob all the peas that are there. They are green.
.TP
frob \-x \fIpod\fR
The same, but it says nothing by itself.
.IP "\fBfrob \-\-all \*(Aqone pod\*(Aq\fR" 4
Frob a pod with a blank in its name
.TP
.B no command of the program
Is told of nothing.
.SH OPTIONS
.TP
.B frob \-z
This is no example.
"""
LITERAL = r"""
.SH "EXAMPLES"
.PP
Here is how it is used. To shell all peas in a folder, you can use:
.sp
.if n \{\
.RS 4
.\}
.nf
$ frob \-\-shell \e
    peas/
shelled 5 peas
.fi
.if n \{\
.RE
.\}
.P
Count the pods of a file:
.EX
# frob count pods.txt
.EE
Sort them, then look:
.nf
frob sort
frob look
.fi
.Vb 3
\&  # say how ripe a pod is
\&  frob ripe pod
\&  frob weigh pod   # weigh a single pod
.Ve
"""
ASCIIDOC = r"""
.SH "EXAMPLES"
.sp
frob show
.RS 4
Shows the peas of all fields\&. It takes long\&.
.RE
.PP
\fBcat list | frob \-\fR
.RS 4
Reads the peas from another program
.RE
"""
AFTER = r"""
.SH EXAMPLES
.nf
.B frob one \\( two \\)

.fi
Frobs one of the two peas.
.P
.B frob three

Frobs the third of the peas.
"""
MDOC = r"""
.Sh NAME
.Nm frob
.Nd frobs
.Sh EXAMPLES
Boil all the peas with
.Nm
in a pot:
.Pp
.Dl $ frob boil -p pot
.Pp
Freeze the rest of them:
.Bd -literal -offset indent
$ frob freeze
frozen
.Ed
"""


def test_commands_as_tags():
    assert examples(TAGS) == [
        ("Frob all the peas that are there", 'frob -a "*.pea"'),
        ("Frob a pod with a blank in its name", "frob --all 'one pod'"),
    ]


def test_commands_on_lines_of_their_own():
    assert examples(LITERAL) == [
        ("Shell all peas in a folder", "frob --shell peas/"),
        ("Count the pods of a file", "frob count pods.txt"),
        ("Say how ripe a pod is", "frob ripe pod"),
        ("Weigh a single pod", "frob weigh pod"),
    ]


def test_paragraphs_followed_by_indented_ones():
    assert examples(ASCIIDOC) == [
        ("Shows the peas of all fields", "frob show"),
        ("Reads the peas from another program", "cat list | frob -"),
    ]


def test_commands_before_what_is_said_of_them():
    assert examples(AFTER) == [
        ("Frobs one of the two peas", "frob one \\( two \\)"),
        ("Frobs the third of the peas", "frob three"),
    ]


def test_what_is_said_after_a_command_is_about_the_next_where_texts_stand_before():
    blocks = [
        "Boil the peas of the pot.",
        "Note that they may burst.",
        "Stir the whole pot of peas.",
    ]
    page = "".join(f"{text}\n.nf\nfrob {number}\n.fi\n" for number, text in enumerate(blocks[:2]))
    assert examples(f".SH EXAMPLES\n{page}{blocks[2]}\n") == [
        ("Boil the peas of the pot", "frob 0")
    ]


def test_what_ends_with_a_colon_is_about_the_next_command():
    page = ".nf\nfrob one\n.fi\nBoil the two others:\n.nf\nfrob two\n.fi\n"
    assert examples(f".SH EXAMPLES\n{page}") == [("Boil the two others", "frob two")]


def test_the_macros_of_mdoc():
    assert examples(MDOC) == [
        ("Boil all the peas with frob in a pot", "frob boil -p pot"),
        ("Freeze the rest of them", "frob freeze"),
    ]


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("To boil the peas, run the following command:", "Boil the peas"),
        ("Example 3. Boil two of the peas", "Boil two of the peas"),
        ("The following command boils the peas:", "Boils the peas"),
        ("This boils the peas again.", "Boils the peas again"),
        ("Peas are green. Boil the green ones:", "Boil the green ones"),
        ("Note that peas may burst.", ""),
        ("This is dangerous for the peas.", ""),
        ("For example:", ""),
        ("Or:", ""),
    ],
)
def test_what_is_said_becomes_a_title(said: str, title: str):
    found = examples(f".SH EXAMPLES\n.PP\n{said}\n.nf\nfrob\\& boil\n.fi\n")
    assert [text for text, _ in found] == ([title] if title else [])


@pytest.mark.parametrize(
    "section", ["", ".TP", ".RE\n.RS", ".nf\n.fi", ".IP", '.IP "', ".It", ".Dl", "\\", "x\\\n.nf"]
)
def test_broken_sections_are_read_as_far_as_they_go(section: str):
    assert examples(f".SH EXAMPLES\n{section}") == []
