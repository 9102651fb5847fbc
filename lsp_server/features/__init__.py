"""What the user can do, one file each. No LSP types: `server.py` converts at its edge."""
