"""Classic repairs of Python: small textual edits that faults are often undone by. Pure."""
