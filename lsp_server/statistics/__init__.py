"""How completions do on this machine: counted, kept in one small file, and shown to the user alone."""
