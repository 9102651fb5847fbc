"""What the server knows of the user's files."""
