"""What can be concluded from a log: which rules it lets give verdicts, which only bounds, which nothing, and why."""
