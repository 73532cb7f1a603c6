"""What any release ever stored reads for ever, as the same events and the same summaries.

A test that fails here means that histories on people's disks no longer read. Write an upcaster
(`flowd/domain/upcast.py`) or a migration; never change a golden file.
"""

import json
import lzma
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from flowd.domain.events import Event, Recorded
from flowd.domain.ports import RunSummary
from flowd.domain.upcast import UPCASTERS, upcast
from flowd.store import open_log

FOLDER = Path(__file__).parent / "histories"
RELEASES = sorted(path.name.partition("_")[0] for path in FOLDER.glob("v*_flow.db.xz"))
TYPES: dict[str, type[Event]] = {str(t.__struct_config__.tag): t for t in get_args(Event)}


def _told(release: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((FOLDER / f"{release}_events.json").read_text("ascii"))
    return told


def _event(tag: str, fields: dict[str, object]) -> Event:
    if tag in UPCASTERS:
        at = fields.pop("at")
        tag, values = upcast(tag, [at, *fields.values()])
        own = [name for name in TYPES[tag].__struct_fields__ if name != "at"]
        fields = dict(zip(("at", *own), values, strict=False))
    hints = get_type_hints(TYPES[tag])
    return TYPES[tag](**{name: msgspec.convert(v, hints[name]) for name, v in fields.items()})


@pytest.mark.parametrize("release", RELEASES)
async def test_histories_read_as_they_were_written(release: str, tmp_path: Path) -> None:
    path = tmp_path / "flow.db"
    path.write_bytes(lzma.decompress((FOLDER / f"{release}_flow.db.xz").read_bytes()))
    told = _told(release)
    expected = [
        Recorded(t["position"], t["run"], t["version"], _event(t["type"], t["fields"]))
        for t in told["events"]
    ]
    summaries = msgspec.convert(told["summaries"], list[RunSummary])

    async with open_log(path) as log:
        assert await log.read("live") + await log.read("sealed") == expected
        assert await log.summaries() == summaries
        await log.rebuild_projections()
        assert await log.summaries() == summaries
        assert await log.run_with_token("token-1") == "live"
        assert await log.append("sealed", summaries[0].version, [expected[1].event])


def test_every_event_is_in_some_golden_history() -> None:
    """A new event is added to `make_histories.py`, and stored for the next release's number."""
    seen = {told["type"] for release in RELEASES for told in _told(release)["events"]}
    assert set(TYPES) <= seen
