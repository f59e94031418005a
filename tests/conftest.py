"""What tests share: where data lies, stores to play with, and a browser."""

import gc
import os
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent
WITHOUT_VIEWS = (
    "access_review",
    "analysis",
    "catalogue",
    "charts",
    "conclusion",
    "findings",
    "holdings",
    "ingest",
    "report",
    "rules",
)
"""Folders whose tests read the relations only as `worked_out` keeps them."""

# Tests start many processes, and each would compile all that it imports: where Python is to leave no bytecode, it goes aside instead.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(ROOT / ".pytest_cache" / "bytecode"))

# As commands do, for what draws charts: where JupyterLab is installed, jsonschema builds a grammar of addresses for a second.
sys.modules.setdefault("rfc3987_syntax", None)

# Time limits of single examples say more about the machine than about the code.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_collection_finish():
    """Let Python look no more for rubbish among what was imported and collected, which stays to the end."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the checkout."""
    return ROOT


@pytest.fixture(scope="session", autouse=True)
def one_thread_in_memory():
    """Give each store in memory one thread: for a few records a second one costs more than it does. Those in files have all."""
    from grantlens.engine import duckdb as engine

    def connect(path, **how):
        connection = opened(path, **how)
        if path == engine.MEMORY:
            connection.execute("SET threads = 1")
        return connection

    opened, engine.connect = engine.connect, connect
    yield
    engine.connect = opened


@pytest.fixture(scope="module", autouse=True)
def without_views(request):
    """Open stores in memory of such tests without the relations as views: to write those is half of opening one."""
    from grantlens import store
    from grantlens.engine.duckdb import MEMORY

    stand = store.views_stand
    if request.path.parent.name in WITHOUT_VIEWS:
        store.views_stand = lambda engine: engine.path == MEMORY or stand(engine)
    yield
    store.views_stand = stand


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of real logs and catalogues, which lies beside the checkout and is no part of it."""
    folder = Path(os.environ.get("GRANTLENS_SHARED") or ROOT.parent / "shared")
    if not folder.is_dir():
        pytest.skip(f"no real logs at {folder}; set GRANTLENS_SHARED to the folder that holds them")
    return folder


@pytest.fixture(scope="session")
def samples() -> Path:
    """Return the folder of sample logs that is part of grantlens."""
    from grantlens.bundled import samples

    return samples()


@pytest.fixture
def store(tmp_path):
    """Return a new, empty store."""
    from grantlens.store import Store

    with Store(tmp_path / "store.duckdb") as opened:
        yield opened


@pytest.fixture
def engine():
    """Return the database of an empty store, without what stands above it."""
    from grantlens.engine.duckdb import Engine
    from grantlens.schema.migrations import prepare

    engine = Engine(":memory:")
    prepare(engine, read_only=False)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def world_of_examples(tmp_path_factory):
    """Return the catalogue and the servers of the world in which the examples of rules play, to be added to a store."""
    from grantlens.catalogue.model import Catalogue
    from grantlens.register.server import Servers
    from grantlens.rule.example import CATALOGUE, SERVERS
    from grantlens.schema.register import SERVER

    path = tmp_path_factory.mktemp("world") / "catalogue.toml"
    path.write_text(CATALOGUE)
    return Catalogue.build("toml", path), Servers(tuple(dict.fromkeys(SERVER.names) | row for row in SERVERS))


@pytest.fixture(scope="session")
def prepared(world_of_examples):
    """Return a function that opens a new store, which knows the world of the examples and a register, and no logs yet."""
    from grantlens.register.register import Register
    from grantlens.schema.register import REGISTER
    from grantlens.store import Store

    registered = (
        {"client_id": "app", "owner": "jo", "purpose": "reads mail", "approved_operations": ["GET *"]},
        {"client_id": "bystander", "owner": "jo", "purpose": "keeps the logs going"},
    )
    register = Register(tuple(dict.fromkeys(REGISTER.names) | row for row in registered))

    def new(path=":memory:"):
        store = Store(path)
        store.add(*world_of_examples, register)
        return store

    return new


@pytest.fixture(scope="session")
def sample_file(samples, tmp_path_factory) -> Path:
    """Return a store file with samples, catalogue, register and servers; copy it to change it."""
    from grantlens.cli.demo import load_samples

    path = tmp_path_factory.mktemp("samples") / "samples.duckdb"
    load_samples(path, samples)
    return path


@pytest.fixture(scope="session")
def sample_store(sample_file, tmp_path_factory):
    """Return an open store that holds the samples; read it only, since all tests of a process share it."""
    from grantlens.store import Store

    copy = shutil.copy(sample_file, tmp_path_factory.mktemp("shared-store") / "samples.duckdb")
    with Store(copy) as opened:
        yield opened


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return a headless-capable browser; CI must have one."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    if os.environ.get("CI"):
        pytest.fail("no Chromium on the CI machine; .ci/run should have installed it")
    pytest.skip("no Chromium on this machine, so the report is not opened in a browser")
