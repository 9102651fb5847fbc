"""Prompt formats by model family, and what comes back: fill-in-the-middle, chat, tool calls.

All of it is pure. Tokenizers and templates come in as callables; nothing here imports one.
"""
