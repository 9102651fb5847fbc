"""Sparrow's language server: one per editor window, between the editor and an inference host."""
