"""`grantlens notebooks copy`."""


def test_notebooks_are_copied_and_never_overwritten(run, tmp_path):
    ran = run("notebooks", "copy", tmp_path / "mine")
    assert ran.code == 0
    copied = sorted(path.name for path in (tmp_path / "mine").iterdir())
    assert copied == [line.rsplit("/", 1)[1] for line in ran.out.splitlines()]
    assert copied
    first = tmp_path / "mine" / copied[0]
    first.write_text("my own work")
    again = run("notebooks", "copy", tmp_path / "mine")
    assert again.failed_well()
    assert first.read_text() == "my own work"
