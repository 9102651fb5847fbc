"""Fixes an issue: where to look, what to try, and what of it holds when it is run."""
