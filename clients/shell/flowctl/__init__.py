"""flowctl: the thin command line of Flow. Standard library and flowproto only."""

__version__ = "0.1.0"
