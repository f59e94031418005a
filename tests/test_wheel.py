"""What is installed from the wheel needs no checkout: samples and notebooks travel inside it."""

import os
import subprocess
import sys
import zipfile

import pytest


@pytest.fixture(scope="module")
def installed(root, tmp_path_factory):
    """Return a folder that holds the package as the wheel brings it."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--wheel-dir", folder]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, root], check=True)
    (wheel,) = folder.glob("grantlens-*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def python(installed, program: str, cwd) -> str:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=cwd, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_samples_and_notebooks_come_from_inside(installed, samples, tmp_path):
    program = "from grantlens.bundled import samples, notebooks; print(samples()); print(notebooks())"
    found = python(installed, program, tmp_path).splitlines()
    assert all(path.startswith(str(installed)) for path in found)
    names = {path.relative_to(samples) for path in samples.rglob("*") if path.is_file()}
    inside = installed / "grantlens" / "_bundled" / "samples"
    assert {path.relative_to(inside) for path in inside.rglob("*") if path.is_file()} == names


def test_every_file_of_the_package_is_in_the_wheel(installed, root):
    home = root / "src" / "grantlens"
    files = {path.relative_to(home) for path in home.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert [str(file) for file in files if not (installed / "grantlens" / file).exists()] == []
