"""What the exit codes mean."""

FINE = 0
FINDINGS = 1
"""There are findings at or above `--fail-on`."""
FAILED = 2
"""Wrong usage, failure, or data too thin to judge."""
INTERRUPTED = 130
BROKEN_PIPE = 141
TERMINATED = 143
