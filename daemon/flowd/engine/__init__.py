"""Carries runs out: decide → append → perform → append."""
