"""End-to-end tests: the packed extension in a real editor, driven by a real browser."""
