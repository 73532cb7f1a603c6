"""Reads collections of commands as others publish them: tldr pages, navi cheats, Warp workflows."""
