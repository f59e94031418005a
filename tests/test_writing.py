"""A file is there as a whole or not at all, whatever writes it."""

import os
from pathlib import Path

import pytest

import grantlens as gl
from grantlens.rule.example import CATALOGUE
from grantlens.writing import in_place_of


@pytest.fixture(params=["report", "catalogue"])
def write(request, store, tmp_path_factory):
    """Return a method that writes one file."""
    if request.param == "report":
        return gl.review(store).to_json
    source = tmp_path_factory.mktemp("source") / "catalogue.toml"
    source.write_text(CATALOGUE)
    return gl.Catalogue.build("toml", source).write


@pytest.fixture
def former(tmp_path_factory) -> Path:
    """Return a file that is there already, alone in its folder."""
    file = tmp_path_factory.mktemp("written") / "former"
    file.write_text("former")
    file.chmod(0o640)
    return file


def test_whoever_is_stopped_halfway_keeps_what_was_there(write, former, monkeypatch):
    def killed(*paths):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write(former)
    assert former.read_text() == "former"
    assert list(former.parent.iterdir()) == [former]


def test_a_link_stays_a_link_and_the_file_has_its_permissions(write, former):
    link = former.with_name("link")
    link.symlink_to(former)
    write(link)
    assert link.is_symlink()
    assert former.stat().st_size > len("former")
    assert former.stat().st_mode & 0o777 == 0o640


def test_a_pipe_stays_what_it_is(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with in_place_of(pipe) as place:
        place.write_text("a report")
    assert os.read(reader, 99) == b"a report"
    os.close(reader)
    assert list(tmp_path.iterdir()) == [pipe]
    assert pipe.is_fifo()
