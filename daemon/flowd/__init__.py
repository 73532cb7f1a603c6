"""The Flow daemon: plans, judges, runs and remembers shell workflows."""

__version__ = "0.1.0"
