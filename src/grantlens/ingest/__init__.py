"""The one path of every load: recognise, read, map, reject, de-duplicate, commit."""

from grantlens.ingest.load import load_files
from grantlens.ingest.outcome import LoadReport

__all__ = ["LoadReport", "load_files"]
