"""What is decided of a completion without a model: where, how much, when, and what of it is shown."""
