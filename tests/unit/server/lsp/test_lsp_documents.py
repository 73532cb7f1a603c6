"""Texts as editors see them: positions in three ways of counting, edits, bounds."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types
from pygls.workspace import PositionCodec, TextDocument

from flowd.server.lsp import documents
from flowd.server.lsp.documents import Document, Documents, Text, path_of

UTF8 = types.PositionEncodingKind.Utf8
UTF16 = types.PositionEncodingKind.Utf16
UTF32 = types.PositionEncodingKind.Utf32
URI = "file:///x.flow.yaml"


def opened(text: str, encoding: str = UTF16, **more: str) -> Document:
    """An open document."""
    item = {"uri": URI, "language_id": "yaml", **more}
    return Document(
        types.TextDocumentItem(version=1, text=text, **item),
        encoding,
        documents.MAX_OPEN_CHARACTERS,
    )


def edit(
    start: tuple[int, int], end: tuple[int, int], text: str
) -> types.TextDocumentContentChangePartial:
    """A change of a range."""
    chosen = types.Range(types.Position(*start), types.Position(*end))
    return types.TextDocumentContentChangePartial(text=text, range=chosen)


@pytest.mark.parametrize(
    ("encoding", "units"), [(UTF8, [0, 1, 3, 7, 8]), (UTF16, [0, 1, 2, 4, 5]), (UTF32, range(5))]
)
def test_columns_count_as_the_client_counts(encoding: str, units: list[int]) -> None:
    text = Text("first\naé😀z", encoding)
    assert [text.position(6 + n).character for n in range(5)] == list(units)
    assert [text.offset(types.Position(1, unit)) - 6 for unit in units] == list(range(5))


def test_half_a_character_is_not_counted() -> None:
    assert Text("😀b", UTF16).offset(types.Position(0, 1)) == 0
    assert Text("😀b", UTF8).offset(types.Position(0, 3)) == 0


@pytest.mark.parametrize(
    ("position", "offset"), [((0, 99), 2), ((1, 99), 5), ((2, 0), 6), ((9, 9), 6), ((0, 2), 2)]
)
def test_a_position_beyond_the_end_is_the_end(position: tuple[int, int], offset: int) -> None:
    assert Text("ab\ncd\n", UTF16).offset(types.Position(*position)) == offset


def test_lines_end_where_the_protocol_says() -> None:
    text = Text("a\r\nb\rc\nd\x0ce\u2028f", UTF16)
    assert [text.line(n) for n in range(6)] == ["a", "b", "c", "d\x0ce\u2028f", "", ""]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ([edit((0, 0), (0, 0), "x")], "xone\ntwo\n"),
        ([edit((0, 1), (1, 1), "")], "owo\n"),
        ([edit((2, 0), (2, 0), "end")], "one\ntwo\nend"),
        ([edit((0, 0), (0, 1), "1"), edit((0, 1), (0, 3), "!")], "1!\ntwo\n"),
        ([edit((9, 0), (9, 9), "far")], "one\ntwo\nfar"),
        ([edit((1, 2), (0, 2), "?")], "one\ntw?o\n"),
        ([types.TextDocumentContentChangeWholeDocument(text="new")], "new"),
    ],
)
def test_changes_are_applied_in_order(changes: list[documents.Change], text: str) -> None:
    document = opened("one\ntwo\n")
    document.apply(changes, 2, documents.MAX_OPEN_CHARACTERS)
    assert (document.text, document.version) == (text, 2)


plain = st.text(st.sampled_from("ab é😀\n"), max_size=30)
positions = st.tuples(st.integers(0, 6), st.integers(0, 12))


@settings(max_examples=300, deadline=None)
@given(
    plain, st.lists(st.tuples(positions, positions, plain), max_size=5), st.sampled_from([0, 1, 2])
)
def test_edits_give_what_pygls_gives(
    text: str,
    edits: list[tuple[tuple[int, int], tuple[int, int], str]],
    which: int,
) -> None:
    encoding = (UTF8, UTF16, UTF32)[which]
    ours = opened(text, encoding)
    theirs = TextDocument(URI, text, position_codec=PositionCodec(encoding))
    for start, end, new in edits:
        first, last = min(start, end), max(start, end)
        # Clients send positions that exist; what to do with others is nobody's agreement.
        exact = [ours.position(ours.offset(types.Position(*p))) for p in (first, last)]
        change = types.TextDocumentContentChangePartial(text=new, range=types.Range(*exact))
        ours.apply([change], 2, documents.MAX_OPEN_CHARACTERS)
        theirs.apply_change(change)
        assert ours.text == theirs.source


@pytest.mark.parametrize(
    ("uri", "language", "text", "is_workflow"),
    [
        ("file:///a/release.flow.yaml", "yaml", "", True),
        ("file:///a/RELEASE.FLOW.YML", "", "", True),
        ("file:///a/x.yaml", "yaml", "# hello\nflow: 1\nname: x\n", True),
        ("untitled:1", "yaml", "flow: 1", True),
        ("file:///a/x.yaml", "yaml", "workflow: 1\n", False),
        ("file:///a/x.py", "python", "flow: 1", False),
    ],
)
def test_workflow_files_are_known_by_name_or_beginning(
    uri: str, language: str, text: str, is_workflow: bool
) -> None:
    assert opened(text, uri=uri, language_id=language).is_workflow is is_workflow


def test_a_huge_text_is_not_kept_until_it_is_small_again() -> None:
    document = opened("x" * (documents.MAX_DOCUMENT_CHARACTERS + 1))
    assert (document.too_large, document.text) == (True, "")
    document.apply([edit((0, 0), (0, 1), "")], 2, documents.MAX_OPEN_CHARACTERS)
    assert document.too_large
    whole = types.TextDocumentContentChangeWholeDocument(text="small")
    document.apply([whole], 3, documents.MAX_OPEN_CHARACTERS)
    assert (document.too_large, document.text) == (False, "small")


def test_all_open_texts_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_OPEN_CHARACTERS", 100)
    monkeypatch.setattr(documents, "MAX_OPEN_DOCUMENTS", 3)
    kept = Documents(UTF16)
    for name, size in (("a", 60), ("b", 60), ("c", 40), ("d", 0)):
        kept.open(types.TextDocumentItem(uri=name, language_id="", version=1, text="x" * size))
    found = [kept.get(name) for name in "abcd"]
    assert [document and document.too_large for document in found] == [False, True, False, None]
    kept.close("a")
    change = types.TextDocumentContentChangeWholeDocument(text="y" * 60)
    identifier = types.VersionedTextDocumentIdentifier(version=2, uri="b")
    document = kept.change(types.DidChangeTextDocumentParams(identifier, [change]))
    assert document is not None
    assert not document.too_large


def test_typing_in_a_large_text_is_quick() -> None:
    document = opened(("y" * 79 + "\n") * (documents.MAX_DOCUMENT_CHARACTERS // 80))
    started = time.process_time()
    for version in range(20):
        document.apply([edit((9_000, 5), (9_000, 6), "zz")], version, 10**9)
    assert (time.process_time() - started) / 20 < 0.1


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///a%20b/c.yaml", "/a b/c.yaml"),
        ("file://localhost/a", "/a"),
        ("untitled:Untitled-1", None),
        ("", None),
    ],
)
def test_paths_of_uris(uri: str, path: str | None) -> None:
    assert path_of(uri) == path
