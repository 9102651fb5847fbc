"""Refactors of Python that need no model: performed in a process of their own, on texts alone."""
