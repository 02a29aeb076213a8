"""Tests of the set-up behind `make run` and `make test`: finding a Python, and missing packages."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import PySide6
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(os.name != "posix", reason="make and its scripts are for Linux and macOS")

ROOT = Path(__file__).parent.parent
TOOLS = ("sh", "dirname", "cat", "sed", "uname", "env")


@pytest.fixture
def prepare() -> Any:
    spec = importlib.util.spec_from_file_location("prepare", ROOT / "packaging" / "prepare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["prepare"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["prepare"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a folder with the project's Makefile and scripts, whose name needs quoting."""
    folder = tmp_path / "a checkout's $place"
    shutil.copytree(ROOT / "packaging", folder / "packaging")
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str, str], Path]:
    """Return a function that writes a shell script into a folder, the only one on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (folder / tool).symlink_to(found)

    def write(name: str, script: str) -> Path:
        (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
        return folder / name

    return write


def choose_python(checkout: Path, path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run prepare.sh with a `prepare.py` that only prints its Python."""
    (checkout / "packaging" / "prepare.py").write_text("import sys; print('chosen', *sys.argv[1:])\n", encoding="utf-8")
    command = ["/bin/sh", checkout / "packaging" / "prepare.sh", "run", "test"]
    return subprocess.run(command, env={"PATH": str(path), **variables}, capture_output=True, text=True)


def old_python(version: str) -> str:
    """Return a script that prints a version as Python does."""
    return f'case $1 in -c) echo {version} >&2; exit 1 ;; *) echo "{version} was started"; exit 1 ;; esac'


def test_a_python_that_is_too_old_is_reported(
    checkout: Path, program: Callable[[str, str], Path], tmp_path: Path
) -> None:
    program("python3", old_python("3.9"))
    run = choose_python(checkout, tmp_path / "bin")
    assert run.returncode == 1
    assert "needs Python 3.11, 3.12, 3.13 or 3.14; what is here: python3 is 3.9." in run.stderr
    assert run.stdout == ""


def test_a_missing_python_is_reported(checkout: Path, program: Callable[[str, str], Path], tmp_path: Path) -> None:
    run = choose_python(checkout, tmp_path / "bin")
    assert run.returncode == 1
    assert "needs Python 3.11, 3.12, 3.13 or 3.14; none was found." in run.stderr
    assert "not found\n" not in run.stderr


def test_a_newer_python_beside_the_old_one_is_taken(
    checkout: Path, program: Callable[[str, str], Path], tmp_path: Path
) -> None:
    program("python3", old_python("3.9"))
    program("python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    program("python3.12", f'exec "{sys.executable}" "$@"')
    run = choose_python(checkout, tmp_path / "bin")
    assert (run.returncode, run.stdout) == (0, "chosen run test\n"), run.stderr


def test_a_python_without_ensurepip_comes_last(
    checkout: Path, program: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """Debian's python3 needs the package python3-venv for virtual environments; another Python may not."""
    program("python3", 'case $1 in -c) echo bare ;; *) echo "python3 $2 $3" ;; esac')
    assert choose_python(checkout, tmp_path / "bin").stdout == "python3 run test\n"
    program("python3.11", f'exec "{sys.executable}" "$@"')
    assert choose_python(checkout, tmp_path / "bin").stdout == "chosen run test\n"


def test_the_python_that_was_named_is_taken_or_refused(
    checkout: Path, program: Callable[[str, str], Path], tmp_path: Path
) -> None:
    program("python3", f'exec "{sys.executable}" "$@"')
    named = program("my python", old_python("3.8"))
    run = choose_python(checkout, tmp_path / "bin", PYTHON=str(named))
    assert run.returncode == 1
    assert f"PYTHON={named} is no Python from 3.11 to 3.14" in run.stderr
    program("my python", 'case $1 in -c) echo whole ;; *) echo "mine: $2 $3" ;; esac')
    assert choose_python(checkout, tmp_path / "bin", PYTHON=str(named)).stdout == "mine: run test\n"


def test_make_run_hands_over_a_file_of_any_name(checkout: Path) -> None:
    name = 'l\'été $HOME `id` "a" \\ 100%.flac'
    (checkout / "packaging" / "prepare.sh").write_text("echo prepared $*\n", encoding="utf-8")
    app = checkout / ".venv" / "bin" / "auralscope"
    app.parent.mkdir(parents=True)
    app.write_text('#!/bin/sh\nprintf "%s|" "$#" "$@"\n', encoding="utf-8")
    app.chmod(0o755)

    def make(*arguments: str) -> str:
        # These tests may be run by make: what it tells its own children is not for this one.
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
        command = ["make", *arguments]
        return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=True).stdout

    assert make("run", f"FILE={name}") == f"prepared run\n1|{name}|"
    assert make("run") == "prepared run\n0|"


def needed_sonames(library: Path) -> set[str]:
    """Read the sonames (DT_NEEDED) in the dynamic section of a 64-bit little-endian ELF file."""
    data = library.read_bytes()
    assert data[:6] == b"\x7fELF\x02\x01", library
    header_offset, header_size, header_count = (
        struct.unpack_from("<Q", data, 32)[0],
        *struct.unpack_from("<HH", data, 54),
    )
    headers = [struct.unpack_from("<IIQQQQ", data, header_offset + k * header_size) for k in range(header_count)]
    loads = [(address, offset, size) for kind, _, offset, address, _, size in headers if kind == 1]
    offset, size = next((offset, size) for kind, _, offset, _, _, size in headers if kind == 2)
    entries = list(struct.iter_unpack("<QQ", data[offset : offset + size]))
    table = next(value for tag, value in entries if tag == 5)
    names = next(table - address + start for address, start, length in loads if address <= table < address + length)
    starts = [names + value for tag, value in entries if tag == 1]
    return {data[start : data.index(b"\0", start)].decode() for start in starts}


def qt_files() -> Iterator[Path]:
    package = Path(PySide6.__file__).parent
    for module in ("Core", "Gui", "Widgets", "Svg", "OpenGL", "OpenGLWidgets", "DBus", "XcbQpa"):
        yield package / "Qt" / "lib" / f"libQt6{module}.so.6"
    yield from (package / "Qt" / "plugins" / "platforms").glob("libq[xo][cf]*.so")
    yield from (package / "Qt" / "plugins" / "xcbglintegrations").glob("*.so")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the wheels bring all libraries")
def test_the_list_of_libraries_covers_the_libraries_of_qt(prepare: Any) -> None:
    """The list contains all libraries that Qt needs, except those of the wheels, of glibc and of Debian's base."""
    files = list(qt_files())
    assert len(files) >= 12
    needed = set[str]().union(*map(needed_sonames, files))
    foreign = {
        name for name in needed if not re.match(r"libQt6|libicu|lib(c|m|z|zstd|dl|rt|pthread|stdc\+\+|gcc_s)\.", name)
    }
    listed = {need.probe for need in prepare.LIBRARIES}
    assert {name for name in foreign if not name.startswith("ld-linux")} - listed == set()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the wheels bring all libraries")
def test_nothing_that_qt_links_to_is_missing_here() -> None:
    if shutil.which("ldd") is None:
        pytest.skip("ldd is not here")
    for file in qt_files():
        run = subprocess.run(["ldd", file], capture_output=True, text=True, check=True)
        assert "not found" not in run.stdout, file


def test_present_and_missing_needs_are_distinguished(prepare: Any, tmp_path: Path) -> None:
    (tmp_path / "font.sf2").touch()
    assert prepare.is_there("sh")
    assert not prepare.is_there("no-such-program-for-sure")
    assert not prepare.is_there("libno-such-library.so.0")
    assert prepare.is_there(f"{tmp_path}/*.sf2")
    assert not prepare.is_there(f"{tmp_path}/*.sf3")
    assert prepare.Need(("no-such-program-for-sure", "sh"), "any").is_met()
    if sys.platform == "linux":
        assert prepare.is_there("libc.so.6")


@pytest.mark.parametrize(
    ("family", "command"),
    [
        ("fedora", "dnf install glib2 portaudio"),
        ("arch", "pacman -S --needed glib2 portaudio"),
        ("debian", "apt-get install -y --no-install-recommends --no-remove libglib2.0-0 libportaudio2"),
    ],
)
def test_the_command_is_printed_for_packages_that_cannot_be_installed(
    prepare: Any,
    monkeypatch: pytest.MonkeyPatch,
    program: Callable[[str, str], Path],
    tmp_path: Path,
    family: str,
    command: str,
) -> None:
    """Without sudo and without root, nothing is run and the command is printed."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    needs = [need for need in prepare.LIBRARIES if "portaudio" in need.probe or "libg" in need.probe]
    request = prepare.install(needs, family)
    assert "needs 2 system packages that this system lacks. Install (as root: there is no sudo here)" in request
    assert request.splitlines()[-1].strip() == command


def test_the_libraries_are_listed_on_an_unknown_system(prepare: Any) -> None:
    request = prepare.install([prepare.LIBRARIES[-1], *prepare.SYNTHESISER], "")
    assert request.endswith(": libportaudio.so.2, fluidsynth, /usr/share/sounds/sf2/TimGM6mb.sf2")


def test_needs_without_a_package_are_not_installed(prepare: Any) -> None:
    assert prepare.install([prepare.SYNTHESISER[-1]], "macos") == ""


@pytest.mark.parametrize(("exit_code", "installed"), [(0, True), (100, False)])
def test_missing_packages_are_installed_with_sudo_on_debian(
    prepare: Any,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    program: Callable[[str, str], Path],
    tmp_path: Path,
    exit_code: int,
    installed: bool,
) -> None:
    log = tmp_path / "log"
    program("true", "")
    program("sudo", '[ "$1" = -n ] && shift; exec "$@"')
    program("apt-get", f'echo "$DEBIAN_FRONTEND $*" >>"{log}"; [ "$1" = update ] || exit {exit_code}')
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("DEBIAN_FRONTEND", raising=False)
    request = prepare.install([prepare.LIBRARIES[-1]], "debian")
    assert "needs a system package that this system lacks: libportaudio2" in capfd.readouterr().out
    update, install = log.read_text(encoding="utf-8").splitlines()
    assert update.split()[0] == "update"
    assert install.startswith("noninteractive install -y --no-install-recommends --no-remove")
    assert install.endswith(" libportaudio2")
    assert (request == "") is installed
    if not installed:
        assert "sudo apt-get install" in request


def test_set_up_is_done_once_and_again_when_something_changed(
    prepare: Any, monkeypatch: pytest.MonkeyPatch, checkout: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Make a real `.venv` in which pip is a script that records its arguments."""
    monkeypatch.setattr(prepare, "ROOT", checkout)
    subprocess.run([sys.executable, "-m", "venv", checkout / ".venv"], check=True)
    log = checkout / "log"
    site_packages = next((checkout / ".venv" / "lib").glob("python*/site-packages"))
    (site_packages / "pip" / "__main__.py").write_text(
        f"import sys; open({str(log)!r}, 'a').write(sys.argv[-1] + '\\n')\n", encoding="utf-8"
    )
    asked = []
    for goals, change in [
        ({"run"}, ""), ({"run"}, ""), ({"test"}, ""), ({"run"}, ""), ({"run"}, "# changed\n"), ({"test", "run"}, ""),
    ]:  # fmt: skip
        with (checkout / "pyproject.toml").open("a", encoding="utf-8") as file:
            file.write(change)
        log.write_text("", encoding="utf-8")
        prepare.install_packages(goals)
        asked.append(log.read_text(encoding="utf-8").strip())
    assert asked == [".", "", ".[test,train]", "", ".[test,train]", ""]
    assert set(json.loads((checkout / ".venv" / "prepared.json").read_text(encoding="utf-8"))["extras"]) == {
        "test",
        "train",
    }


def test_a_venv_that_was_moved_is_made_anew(prepare: Any, monkeypatch: pytest.MonkeyPatch, checkout: Path) -> None:
    """The programs in `.venv/bin` contain the full path of Python, so they fail in a moved checkout."""
    monkeypatch.setattr(prepare, "ROOT", checkout)
    assert not prepare.venv_is_sound()
    subprocess.run([sys.executable, "-m", "venv", checkout / ".venv"], check=True)
    assert prepare.venv_is_sound()
    moved = checkout.rename(checkout.with_name("elsewhere"))
    monkeypatch.setattr(prepare, "ROOT", moved)
    assert not prepare.venv_is_sound()


def test_the_wheel_contains_the_files_of_the_checkout(tmp_path: Path) -> None:
    """Build the wheel, install it into an empty folder, and list its plugins and bundled files from there."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", site, wheel]
    subprocess.run(install, check=True, capture_output=True)

    plugins = sorted(file.parent.name for file in (ROOT / "plugins").glob("*/plugin.py"))
    assert len(plugins) == 3
    homes = {"auralscope": "auralscope", "resources": "auralscope/_resources"}
    homes |= {f"plugins/{plugin}": plugin for plugin in plugins}
    for source, home in homes.items():
        files = {file.relative_to(ROOT / source) for file in (ROOT / source).rglob("*") if file.is_file()}
        files = {file for file in files if "__pycache__" not in file.parts}
        files = {file for file in files if file.parts[:2] not in {("training", "bundled"), ("training", "synthesis")}}
        assert files, source
        assert {file for file in files if not (site / home / file).is_file()} == set()

    assert not (site / "auralscope" / "training" / "bundled").exists()
    assert not (site / "auralscope" / "training" / "synthesis").exists()

    program = """
import importlib.metadata, json, auralscope, auralscope.files
distribution = importlib.metadata.distribution("auralscope")
print(json.dumps({
    "version": distribution.version, "own_version": auralscope.__version__,
    "entries": sorted(f"{entry.group}:{entry.name}" for entry in distribution.entry_points),
    "places": [auralscope.__file__, str(auralscope.files.resource("excerpt.ogg"))],
}))"""
    command = [sys.executable, "-c", program]
    environment = {**os.environ, "PYTHONPATH": str(site)}
    run = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    told = json.loads(run.stdout)
    assert told["version"] == told["own_version"]
    assert told["entries"] == [*(f"auralscope:{plugin}" for plugin in plugins), "console_scripts:auralscope"]
    assert all(Path(place).is_relative_to(site) and Path(place).is_file() for place in told["places"])
