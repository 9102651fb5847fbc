"""What a model may be asked to do to code, and how it is asked. Pure."""
