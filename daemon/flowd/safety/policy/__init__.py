"""Users' own rules and boundaries: `policy.yaml` of an administrator, a user, a project.

Read first `reading.py` (the language), then `rules.py` (when a rule is about a command),
`layers.py` (which of several counts), `bounds.py` (boundaries) and `loading.py` (which files there
are, and when they are read again).
"""
