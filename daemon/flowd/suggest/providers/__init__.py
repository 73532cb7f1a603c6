"""Suggestion providers, one file each; `base.py` says what a provider is."""
