"""Pure: what a model is shown. Neither I/O nor LSP types come in here."""
