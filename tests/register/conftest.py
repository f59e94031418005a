import pytest

from grantlens.engine.duckdb import Engine
from grantlens.schema.migrations import prepare


@pytest.fixture
def engine():
    """Return an empty store's database."""
    engine = Engine(":memory:")
    prepare(engine, read_only=False)
    yield engine
    engine.close()
