"""What looks for answers is made when it is first asked, and only once."""

import subprocess
import sys

import trio

from flowd.config import Config
from flowd.domain.suggestions import SuggestRequest
from flowd.safety.judge import make_judge
from flowd.suggest.late import LateSuggester
from flowd.suggest.pipeline import make_suggester


async def test_it_is_made_once_however_many_ask():
    made = []

    def make():
        made.append(make_suggester(Config(), make_judge()))
        return made[-1]

    late = LateSuggester(make)
    assert made == []
    request = SuggestRequest(task="list the files", cwd="/", providers=["offline"])
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(late.suggest, request)
            nursery.start_soon(trio.to_thread.run_sync, late.know)
    assert len(made) == 1
    answer = await late.suggest(request)
    assert late.recall(answer.suggestions[0].id) == answer.suggestions[0]
    assert [told.provider for told in await late.tell(request)] == ["offline"]


def test_a_daemon_that_was_not_asked_has_not_read_the_tables():
    code = "import sys, flowd.main; print(*(m for m in sys.modules if m.startswith('flowd.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "flowd.suggest.late" in loaded
    heavy = ("suggest.words", "suggest.pipeline", "suggest.library", "explain.explaining")
    assert not loaded & {f"flowd.{name}" for name in heavy}
