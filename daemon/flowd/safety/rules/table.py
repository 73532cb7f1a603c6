"""The shape of rules: functions in tables by program name."""

from collections.abc import Callable, Iterator, Mapping

from flowd.domain.ports import Finding
from flowd.safety.command import Command
from flowd.safety.state import State

Rule = Callable[[Command, State], Iterator[Finding]]
"""Looks at one command in its surroundings and gives what is wrong with it, if anything."""

Rules = Mapping[str, tuple[Rule, ...]]
