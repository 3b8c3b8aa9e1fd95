"""Public parts for authors of optimizers. Nothing here is a plugin."""
