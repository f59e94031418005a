"""Arrays by way of their buffers, against pyarrow's own way."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from grantlens.catalogue.arrays import column, flags, lists, numbers, texts, to_flags, to_known, to_numbers

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8)


@given(st.lists(st.none() | TEXT, max_size=40))
def test_texts(values):
    made = texts(values)
    made.validate(full=True)
    assert made.equals(pa.array(values, pa.string()))


@given(st.lists(st.none() | st.lists(TEXT, max_size=4), max_size=20))
def test_lists(values):
    made = lists(values)
    made.validate(full=True)
    assert made.to_pylist() == values


@given(st.lists(st.none() | st.integers(-(2**31), 2**31 - 1), max_size=40), st.integers(0, 10))
def test_numbers_there_and_back(values, skip):
    made = column(values, pa.int32())
    made.validate(full=True)
    assert made.to_pylist() == values
    assert to_numbers(made[skip:]).tolist() == [-1 if value is None else value for value in values[skip:]]
    assert to_known(made[skip:]).tolist() == [value is not None for value in values[skip:]]


@given(st.lists(st.none() | st.booleans(), max_size=40), st.integers(0, 10))
def test_flags_there_and_back(values, skip):
    made = column(values, pa.bool_())
    made.validate(full=True)
    assert made.to_pylist() == values
    assert to_flags(made[skip:]).tolist() == [bool(value) for value in values[skip:]]
    assert flags(np.array([bool(value) for value in values], bool)).to_pylist() == [bool(value) for value in values]


def test_broken_text_does_not_stop_a_build():
    assert texts(["a\ud800b"]).to_pylist() == ["a?b"]
    assert numbers(np.array([], np.int32)).to_pylist() == []


SCRIPT = """
import sys
from grantlens.catalogue.model import Catalogue
from grantlens.engine.duckdb import Engine
from grantlens.schema.migrations import prepare

engine = Engine(":memory:")
prepare(engine, read_only=False)
engine.execute("INSERT INTO usage_target (target_id, resource_server, method, target) VALUES (0, 'a', 'GET', '/x/1')")
Catalogue.build("toml", sys.argv[1]).write(sys.argv[2])
Catalogue.read(sys.argv[2]).write_to(engine)
print(engine.value("SELECT match FROM usage_operation"), "pandas" in sys.modules)
"""


def test_no_pandas_is_imported(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text('[catalogue]\nname = "x"\n[[operation]]\nmethod = "GET"\npath = "/x/{id}"\nrequires = [["a"]]\n')
    command = [sys.executable, "-c", SCRIPT, str(path), str(tmp_path / "c.parquet")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == ["path", "False"]
