"""Scope catalogues: which scopes permit which operation, and which operation a logged call was."""
