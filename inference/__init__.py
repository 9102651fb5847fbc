"""Sparrow's inference host: the process that owns a model, the wire to it, and its client.

`inference` never imports `lsp_server`. Importing this package costs nothing: engines, and the
libraries they stand on, are imported when a host loads one.
"""

__version__ = "0.1.0"
