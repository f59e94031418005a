"""What a loader made of the first records of a log, and how to begin a mapping for one that no loader knows."""
