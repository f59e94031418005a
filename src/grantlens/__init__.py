"""grantlens."""
