"""Notes above an edited workflow point at the right lines and go by themselves."""

from pathlib import Path

from flowctl.editing import problem_notes, without_notes
from flowctl.saving import project_folders, template_name

TEXT = "flow: 1\nname: x\nsteps:\n  - id: a\n    rum: ls\n"


def test_line_numbers_count_the_notes_themselves() -> None:
    problems = [
        {"line": 5, "column": 5, "message": "unknown key 'rum'", "fix": "did you mean 'run'?"},
        {"line": 4, "column": 3, "message": "'run' is missing"},
    ]
    notes = problem_notes(problems)
    shown = ["#! " + line.removeprefix("#! ") for line in notes] + TEXT.splitlines()
    assert notes[1] == "#! line 10, column 5: unknown key 'rum'"
    assert shown[10 - 1] == "    rum: ls"
    assert notes[3] == "#! line 9, column 3: 'run' is missing"
    assert shown[9 - 1] == "  - id: a"


def test_notes_go_and_the_text_stays() -> None:
    notes = problem_notes([{"line": 1, "column": 1, "message": "no\nsteps"}])
    assert all("\n" not in note for note in notes)
    assert without_notes("\n".join(notes) + "\n" + TEXT) == TEXT
    assert without_notes(TEXT) == TEXT
    assert without_notes("#!\n#! x\n") == ""


def test_names_of_templates() -> None:
    assert template_name("Tag & push: v2!") == "tag-push-v2"
    assert template_name("漢字") == "workflow"
    assert len(template_name("x" * 200)) <= 100


def test_the_projects_folders_end_at_its_repository(tmp_path: Path) -> None:
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    inner = tmp_path / "repo" / "a" / "b"
    inner.mkdir(parents=True)
    repo = tmp_path / "repo"
    assert project_folders(inner) == [inner, repo / "a", repo]
    assert project_folders(tmp_path) == [tmp_path]
