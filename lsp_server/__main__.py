"""The `sparrow` command. Each of its commands imports only what it runs."""

from lsp_server.cli import main

if __name__ == "__main__":
    main()
