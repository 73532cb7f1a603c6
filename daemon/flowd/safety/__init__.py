"""Judges what a script would do, without running it. See README.md beside this file."""
