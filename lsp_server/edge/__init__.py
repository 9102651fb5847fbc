"""The edge to LSP and pygls: registers what the editor may ask, and converts on the way in and out."""
