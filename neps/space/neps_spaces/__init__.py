"""The language that spaces are written in."""
