"""Completion scripts for bash, zsh and fish, made of the command table.

Each script asks `flowctl ps --json --no-start` for the ids of runs where a run is wanted.
"""
