"""Prepare a checkout for `make`: install system libraries, `.venv`, and the Python packages in it.

prepare.sh starts this script with any Python from 3.11 on; it uses only the standard library. If nothing is missing, it
takes a fraction of a second.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

EXTRAS = {"run": set[str](), "test": {"test", "train"}, "bench": {"bench"}}
"""Optional dependencies that each goal installs."""

INSTALL = {
    "debian": ["apt-get", "install", "-y", "--no-install-recommends", "--no-remove"],
    "fedora": ["dnf", "install"],
    "arch": ["pacman", "-S", "--needed"],
    "macos": ["brew", "install"],
}


@dataclass(frozen=True)
class Need:
    """Library, program or file of the system, and its package in each family of systems.

    `probe` is the soname of a library, the name of a program, or a path with wildcards; of several, one must exist. The
    name of the package is empty where the system or the Python packages always contain it.
    """

    probe: str | tuple[str, ...]
    debian: str
    fedora: str = ""
    arch: str = ""
    macos: str = ""

    def is_met(self) -> bool:
        probes = (self.probe,) if isinstance(self.probe, str) else self.probe
        return any(map(is_there, probes))


SOUND_FONTS = ("/usr/share/sounds/sf2/TimGM6mb.sf2", "/usr/share/soundfonts/*.sf2")
ALSA_PLUGINS = tuple(f"/usr/{folder}/alsa-lib/libasound_module_pcm_pulse.so" for folder in ("lib", "lib64", "lib/*"))

# Libraries that Qt's modules, its X11 plugin and PortAudio's binding link to and that no wheel contains; test_setup.py
# compares the list with the headers of the files.
LIBRARIES = [
    Need("libglib-2.0.so.0", "libglib2.0-0", "glib2", "glib2"),
    Need("libgthread-2.0.so.0", "libglib2.0-0", "glib2", "glib2"),
    Need("libEGL.so.1", "libegl1", "libglvnd-egl", "libglvnd"),
    Need("libGL.so.1", "libgl1", "libglvnd-glx", "libglvnd"),
    Need("libdbus-1.so.3", "libdbus-1-3", "dbus-libs", "dbus"),
    Need("libfontconfig.so.1", "libfontconfig1", "fontconfig", "fontconfig"),
    Need("libfreetype.so.6", "libfreetype6", "freetype", "freetype2"),
    Need("libX11.so.6", "libx11-6", "libX11", "libx11"),
    Need("libX11-xcb.so.1", "libx11-xcb1", "libX11-xcb", "libx11"),
    Need("libxkbcommon.so.0", "libxkbcommon0", "libxkbcommon", "libxkbcommon"),
    Need("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "libxkbcommon-x11", "libxkbcommon-x11"),
    Need("libxcb.so.1", "libxcb1", "libxcb", "libxcb"),
    Need("libxcb-cursor.so.0", "libxcb-cursor0", "xcb-util-cursor", "xcb-util-cursor"),
    Need("libxcb-glx.so.0", "libxcb-glx0", "libxcb", "libxcb"),
    Need("libxcb-icccm.so.4", "libxcb-icccm4", "xcb-util-wm", "xcb-util-wm"),
    Need("libxcb-image.so.0", "libxcb-image0", "xcb-util-image", "xcb-util-image"),
    Need("libxcb-keysyms.so.1", "libxcb-keysyms1", "xcb-util-keysyms", "xcb-util-keysyms"),
    Need("libxcb-randr.so.0", "libxcb-randr0", "libxcb", "libxcb"),
    Need("libxcb-render.so.0", "libxcb-render0", "libxcb", "libxcb"),
    Need("libxcb-render-util.so.0", "libxcb-render-util0", "xcb-util-renderutil", "xcb-util-renderutil"),
    Need("libxcb-shape.so.0", "libxcb-shape0", "libxcb", "libxcb"),
    Need("libxcb-shm.so.0", "libxcb-shm0", "libxcb", "libxcb"),
    Need("libxcb-sync.so.1", "libxcb-sync1", "libxcb", "libxcb"),
    Need("libxcb-util.so.1", "libxcb-util1", "xcb-util", "xcb-util"),
    Need("libxcb-xfixes.so.0", "libxcb-xfixes0", "libxcb", "libxcb"),
    Need("libxcb-xkb.so.1", "libxcb-xkb1", "libxcb", "libxcb"),
    Need("libportaudio.so.2", "libportaudio2", "portaudio", "portaudio"),
]

# The virtual display of the tests and benchmarks.
DISPLAY = Need("Xvfb", "xvfb", "xorg-x11-server-Xvfb", "xorg-server-xvfb")

# Programs of the tests of synthesised music, which are skipped without them.
SYNTHESISER = [
    Need("fluidsynth", "fluidsynth", "fluidsynth", "fluidsynth", "fluid-synth"),
    Need(SOUND_FONTS, "timgm6mb-soundfont", "fluid-soundfont-gm", "soundfont-fluid"),
]

# The reference of the tests of sound files, which are skipped without it.
DECODER = Need("ffmpeg", "ffmpeg", "ffmpeg-free", "ffmpeg", "ffmpeg")

# Programs of the tests of playback, which record a virtual speaker (../shared/tools/virtual-speaker).
SPEAKER = [
    Need(("pulseaudio", "pipewire-pulse"), "pulseaudio", "pulseaudio", "pulseaudio"),
    Need("pactl", "pulseaudio-utils", "pulseaudio-utils", "libpulse"),
    Need(ALSA_PLUGINS, "libasound2-plugins", "alsa-plugins-pulseaudio", "alsa-plugins"),
]


def is_there(probe: str) -> bool:
    """Whether the system has a library (by soname), a program (by name) or a file (by a path with wildcards)."""
    if probe.startswith("/"):
        return any(Path("/").glob(probe[1:]))
    if ".so" not in probe:
        return shutil.which(probe) is not None
    try:
        ctypes.CDLL(probe)
    except OSError:
        return False
    return True


def system_family() -> str:
    """Return `debian`, `fedora`, `arch` or `macos`, or an empty string for other systems."""
    if sys.platform == "darwin":
        return "macos"
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    fields = dict(line.split("=", 1) for line in lines if "=" in line)
    names = " ".join(fields.get(key, "").strip("\"'") for key in ("ID", "ID_LIKE")).split()
    known = {"debian": "debian", "ubuntu": "debian", "fedora": "fedora", "rhel": "fedora", "arch": "arch"}
    return next((known[name] for name in names if name in known), "")


def missing_needs(goals: set[str]) -> list[Need]:
    """Return what the system lacks for these goals, such as Debian's package for virtual environments."""
    linux = sys.platform == "linux"
    needs = list(LIBRARIES) if linux else []
    if linux and not goals.isdisjoint({"test", "bench"}):
        needs.append(DISPLAY)
    if "test" in goals:
        needs += [*SYNTHESISER, DECODER]
        needs += SPEAKER if linux and (ROOT.parent / "shared" / "tools" / "virtual-speaker").is_file() else []
    missing = [need for need in needs if not need.is_met()]
    if not venv_is_sound() and not can_make_venvs():
        missing.insert(0, Need("ensurepip", "python{}.{}-venv".format(*sys.version_info)))
    return missing


def can_make_venvs() -> bool:
    """Return whether this Python can make virtual environments, which needs another package on Debian."""
    return subprocess.run([sys.executable, "-c", "import ensurepip, venv"], stderr=subprocess.DEVNULL).returncode == 0


def install(needs: list[Need], family: str) -> str:
    """Install what is missing, on Debian and its relatives.

    Returns
    -------
    str
        An empty string, or a sentence with what is still missing and the command that installs it.
    """
    if not family:
        things = ", ".join(need.probe if isinstance(need.probe, str) else need.probe[0] for need in needs)
        return f"AuralScope needs these; install the packages of your system that contain them: {things}"
    packages = sorted({getattr(need, family) for need in needs} - {""})
    if not packages:
        return ""
    as_root = [] if os.geteuid() == 0 or family == "macos" else ["sudo"]
    by_whom = "" if not as_root or shutil.which("sudo") else " (as root: there is no sudo here)"
    command = [*(() if by_whom else as_root), *INSTALL[family], *packages]
    request = f"AuralScope needs {count(packages)} that this system lacks. Install{by_whom} with"
    request += f"\n  {shlex.join(command)}"
    if family != "debian" or not may_become_root():
        return request

    print(f"AuralScope needs {count(packages)} that this system lacks: {' '.join(packages)}")
    print(f"Installing with {'sudo ' if as_root else ''}apt-get ...", flush=True)
    quiet = ["-qq", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=120"]
    subprocess.run([*as_root, "apt-get", "update", *quiet])
    environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
    done = subprocess.run([*as_root, *environment, *INSTALL[family], *quiet, *packages], stdout=subprocess.DEVNULL)
    return request if done.returncode else ""


def count(packages: list[str]) -> str:
    return "a system package" if len(packages) == 1 else f"{len(packages)} system packages"


def may_become_root() -> bool:
    """Return whether apt-get can run: as root, or through sudo without a password or at a terminal."""
    if os.geteuid() == 0:
        return True
    if shutil.which("sudo") is None:
        return False
    silent = subprocess.run(["sudo", "-n", "true"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return silent.returncode == 0 or sys.stdin.isatty()


def venv_python() -> Path:
    return ROOT / ".venv" / "bin" / "python"


def venv_is_sound() -> bool:
    """Return whether `.venv` has a suitable Python and pip, and has not been moved: its programs contain its path."""
    check = "import sys, pip; print(sys.version_info >= (3, 11))"
    try:
        run = subprocess.run([venv_python(), "-c", check], capture_output=True, text=True)
        made_at = (ROOT / ".venv" / "bin" / "pip").read_text(encoding="utf-8")
    except OSError:
        return False
    return run.stdout.strip() == "True" and str(ROOT / ".venv") in made_at


def install_packages(goals: set[str]) -> None:
    """Make `.venv` and install this checkout into it, unless nothing has changed since the last time."""
    stamp = ROOT / ".venv" / "prepared.json"
    key = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    extras = set[str]().union(*(EXTRAS[goal] for goal in goals))
    verbosity = []
    if venv_is_sound():
        done = json.loads(stamp.read_text(encoding="utf-8")) if stamp.is_file() else {"key": "", "extras": []}
        if done["key"] == key and extras <= set(done["extras"]):
            return
        extras |= set(done["extras"])
        verbosity = ["--quiet"] if stamp.is_file() else []
    else:
        print(f"Making .venv with Python {sys.version.split()[0]} ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", ROOT / ".venv"], check=True)
    wanted = f".[{','.join(sorted(extras))}]" if extras else "."
    print(f"Installing Python packages into .venv (pip install -e '{wanted}') ...", flush=True)
    stamp.unlink(missing_ok=True)
    # With `user = true` in pip.conf, pip refuses to install into a virtual environment.
    environment = {**os.environ, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    pip_install = [str(venv_python()), "-m", "pip", "install", *verbosity, "-e", wanted]
    subprocess.run(pip_install, cwd=ROOT, env=environment, check=True)
    stamp.write_text(json.dumps({"key": key, "extras": sorted(extras)}), encoding="utf-8")


def main(goals: set[str]) -> int:
    """Prepare the checkout for the goals, and print last what the system still lacks."""
    needs = missing_needs(goals)
    remark = install(needs, system_family()) if needs else ""
    if not venv_is_sound() and not can_make_venvs():
        print(remark or "This Python cannot make virtual environments (ensurepip is missing).", file=sys.stderr)
        return 1
    if remark:
        print(remark, flush=True)
    try:
        install_packages(goals)
    except subprocess.CalledProcessError as error:
        print(f"Setting up .venv failed (exit {error.returncode}); see the reason above.", file=sys.stderr)
        return 1
    if remark:
        print(remark, "Continuing without.", sep="\n", flush=True)
    return 0


if __name__ == "__main__":
    if unknown := set(sys.argv[1:]) - set(EXTRAS):
        sys.exit(f"prepare.py: no such goal: {', '.join(sorted(unknown))} (there are: {', '.join(EXTRAS)})")
    try:
        sys.exit(main(set(sys.argv[1:]) or {"run"}))
    except KeyboardInterrupt:
        sys.exit("\nStopped. Run the same command to continue.")
