"""Scope catalogues: which scopes permit which operation, and which operation a logged call was.

What the vendors' pages say of single scopes and operations, and no catalogue holds, stands here too: `protocol`, `omnibus`, `removals`.
"""
