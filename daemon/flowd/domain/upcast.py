"""Old facts in today's words, so that every history ever written replays for ever.

A stored event is its tag and its values: `at` first, then the event's own fields in the order they
are declared. The rule for changing an event that a release has written:

- a new field goes at the end and has a default: histories without it read as the default. Nothing
  is needed here;
- any other change (a field removed, moved, retyped, another meaning) makes a new event with a new
  tag. The old class goes away, and its tag gets a line in `UPCASTERS`: a function from the old
  values to the tag and values that say the same today. It may itself give a tag that is old by
  now, so nobody ever edits a line that was released.

No event was changed since the first release, so the table is empty.
"""

from collections.abc import Callable, Mapping

Values = list[object]
Upcaster = Callable[[Values], tuple[str, Values]]

UPCASTERS: Mapping[str, Upcaster] = {}


def upcast(
    tag: str, values: Values, upcasters: Mapping[str, Upcaster] = UPCASTERS
) -> tuple[str, Values]:
    """Give the tag and values of today for those of a stored event."""
    while (upcaster := upcasters.get(tag)) is not None:
        tag, values = upcaster(values)
    return tag, values
