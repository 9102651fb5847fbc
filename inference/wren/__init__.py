"""Wren, Sparrow's own small code model: what makes its weights, from repositories to a graph."""
