"""Fixes for diagnostics of whichever source that need no model: from the text and the index alone."""
