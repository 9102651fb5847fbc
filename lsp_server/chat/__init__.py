"""The chat's parts: what is kept, what a model is shown, what it may look up, what it answers."""
