"""A task in plain words becomes ranked, judged workflows. `pipeline.py` is the way in."""
