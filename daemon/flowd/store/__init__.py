"""The event log on SQLite: the only memory of the daemon, and the only importer of apsw."""

from flowd.store.log import Log, open_log

__all__ = ["Log", "open_log"]
