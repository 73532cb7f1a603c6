"""A task of several clauses, from its words to what it leaves, and undone."""

import json
from pathlib import Path

from support.flow_home import flow_home


def test_a_task_of_several_clauses_runs_as_suggested_and_is_undone(tmp_path: Path) -> None:
    with flow_home(tmp_path) as home:
        task = "make a folder app, create a file a.js there and write hi to b.txt"
        best = home.json("suggest", task)["suggestions"][0]
        assert not best["missing_inputs"]
        (home.project / "w.flow.yaml").write_text(json.dumps(best["workflow"]), "utf-8")
        told = home.out("run", "w.flow.yaml", "--yes")
        assert (home.project / "app" / "a.js").is_file()
        assert (home.project / "b.txt").read_text("utf-8") == "hi\n"
        home.out("undo", told.split()[1])
        assert not (home.project / "app").exists()
        assert not (home.project / "b.txt").exists()
