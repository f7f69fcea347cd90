"""Who programs in sandboxes are: real ones by bubblewrap, as Flatpak has them, and trees of /proc in real formats."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from camguard.core.confidence import Confidence
from camguard.core.model import App, AppKind, Process, ProcessIdentity
from camguard.platform.linux.identity import LinuxIdentifier
from tests.support.actors import facts, running
from tests.support.sandboxes import Installation, missing, program, sandbox

in_sandboxes = pytest.mark.skipif(missing() is not None, reason=missing() or "")
CHEESE = ["/app/bin/cheese", "-f", "/line"]
CONTAINER = "3f4e5d6c7b8a9012" * 4


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    made = Installation(tmp_path / "flatpak")
    program(made.files())
    return made


def who(pid: int, installation: Installation) -> App:
    app, _ = LinuxIdentifier(flatpaks=str(installation.folder)).identify(facts(pid))
    return app


@in_sandboxes
def test_a_flatpak_of_the_machine_is_known_by_its_id_and_its_file(installation: Installation) -> None:
    with sandbox(installation.files(), installation.info(), CHEESE) as pid:
        app, details = LinuxIdentifier(flatpaks=str(installation.folder)).identify(facts(pid))
    identity = app.identity
    assert (identity.kind, identity.id, app.name) == (AppKind.FLATPAK, "org.gnome.Cheese", "Cheese")
    assert identity.path == f"{installation.folder}/app/org.gnome.Cheese/current/active/files/bin/cheese"
    assert identity.sha256 == hashlib.sha256((installation.files() / "bin/cheese").read_bytes()).hexdigest()
    assert (app.confidence, app.allowable, details.exe_note) == (Confidence.KERNEL, True, None)
    named = LinuxIdentifier(flatpaks=str(installation.folder)).identify_file(str(installation.files() / "bin/cheese"))
    assert named == app


@in_sandboxes
def test_a_script_in_a_flatpak_is_that_flatpak(installation: Installation) -> None:
    script = installation.files() / "bin" / "cam.sh"
    script.write_text("echo ready; read -r line\n")
    shell = installation.runtime() / "bin" / "dash"
    shutil.copy("/usr/bin/dash", shell)
    over = ("--ro-bind", str(shell), "/usr/bin/dash")
    with sandbox(installation.files(), installation.info(), ["/usr/bin/dash", "/app/bin/cam.sh"], *over) as pid:
        app = who(pid, installation)
    assert (app.identity.kind, app.allowable) == (AppKind.FLATPAK, True)
    assert app.identity.path is not None
    assert app.identity.path.endswith("/current/active/files/bin/cam.sh")


@in_sandboxes
def test_an_interpreter_of_ones_own_makes_no_script_that_flatpak(installation: Installation, tmp_path: Path) -> None:
    (installation.files() / "bin" / "cam.sh").write_text("echo ready; read -r line\n")
    shell = tmp_path / "dash"
    shutil.copy("/usr/bin/dash", shell)
    over = ("--ro-bind", str(shell), "/usr/bin/dash")
    with sandbox(installation.files(), installation.info(), ["/usr/bin/dash", "/app/bin/cam.sh"], *over) as pid:
        assert not who(pid, installation).allowable


@in_sandboxes
@pytest.mark.parametrize("claimed", ["root's", "its own", "a link to root's", "another app's"])
def test_whoever_only_says_that_it_is_a_flatpak_cannot_be_allowed(
    installation: Installation, tmp_path: Path, claimed: str
) -> None:
    own = tmp_path / "own" / "files"
    (own / "bin").mkdir(parents=True)
    program(own)
    link = installation.folder / "app" / "org.gnome.Cheese" / "x86_64" / "stable" / ("ab" * 32) / "files"
    link.parent.mkdir(parents=True)
    link.symlink_to(installation.files())
    app = {"root's": own, "its own": own}.get(claimed, installation.files())
    files = {"its own": own, "a link to root's": link, "another app's": installation.files("us.zoom.Zoom")}.get(claimed)
    with sandbox(app, installation.info(files=files), CHEESE) as pid:
        found = who(pid, installation)
    assert (found.identity.kind, found.identity.id) == (AppKind.FLATPAK, "org.gnome.Cheese")
    assert (found.confidence, found.allowable) == (Confidence.SELF_DECLARED, False)


@in_sandboxes
def test_no_program_of_the_machine_hides_its_name_behind_a_claim(installation: Installation) -> None:
    with sandbox(installation.files(), installation.info(), ["/usr/bin/tail", "-f", "/line"]) as pid:
        app = who(pid, installation)
    assert app.identity.kind in {AppKind.PACKAGE, AppKind.EXECUTABLE}
    assert app.identity.path == os.path.realpath("/usr/bin/tail")


@in_sandboxes
def test_a_namespace_without_the_file_is_no_flatpak(installation: Installation) -> None:
    with sandbox(installation.files(), None, CHEESE) as pid:
        app = who(pid, installation)
    assert app.identity.id.startswith("sha256:")


def test_a_flatpaks_file_outside_of_any_sandbox_says_nothing(installation: Installation) -> None:
    (installation.folder / "line").write_text("ready\n")
    path = installation.files() / "bin" / "cheese"
    with running([str(path), "-f", str(installation.folder / "line")]) as child:
        app = who(child.pid, installation)
    assert (app.identity.kind, app.identity.id) == (AppKind.EXECUTABLE, str(path))


@pytest.fixture
def mounted() -> Iterator[Path]:
    """Where an AppImage would be mounted."""
    folder = Path(f"/tmp/.mount_cgtest{os.getpid()}")
    (folder / "bin").mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("content", "shown"), [(b"\x7fELF\2\1\1\0AI\2" + bytes(64), "appimage"), (b"root:x:0:0::/root", "executable")]
)
def test_an_appimage_is_known_by_its_file_on_its_own_word(
    tmp_path: Path, mounted: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, shown: str
) -> None:
    image = tmp_path / "Call-1.2.AppImage"
    image.write_bytes(content)
    (tmp_path / "line").write_text("ready\n")
    monkeypatch.setenv("APPIMAGE", str(image))
    with running([str(program(mounted, "call")), "-f", str(tmp_path / "line")]) as child:
        app, _ = LinuxIdentifier().identify(facts(child.pid))
    assert app.identity.kind == shown
    if shown == "appimage":
        assert (app.identity.id, app.identity.path, app.name) == (str(image), str(image), "Call-1.2")
        assert app.identity.sha256 == hashlib.sha256(content).hexdigest()
        assert (app.confidence, app.allowable) == (Confidence.SELF_DECLARED, False)
        assert LinuxIdentifier().identify_file(str(image)) == app


def test_the_environment_says_nothing_of_a_program_that_lies_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tmp_path / "Call.AppImage"
    image.write_bytes(b"\x7fELF\2\1\1\0AI\2")
    monkeypatch.setenv("APPIMAGE", str(image))
    (tmp_path / "line").write_text("ready\n")
    (tmp_path / "bin").mkdir()
    with running([str(program(tmp_path)), "-f", str(tmp_path / "line")]) as child:
        app, _ = LinuxIdentifier().identify(facts(child.pid))
    assert app.identity.kind is AppKind.EXECUTABLE


class Tree:
    """A /proc of plain files with one process, whose program lies where only the process can see it."""

    def __init__(self, folder: Path, cgroup: str, exe: str = "/usr/local/bin/motion-of-the-container") -> None:
        self.folder = folder
        process = folder / "7"
        process.mkdir()
        (folder / "sys/kernel/random").mkdir(parents=True)
        (folder / "sys/kernel/random/boot_id").write_text("boot\n")
        fields = " ".join(str(number) for number in range(4, 53))
        (process / "stat").write_text(f"7 (motion) S {fields}\n")
        (process / "cmdline").write_bytes(b"motion\0")
        (process / "cgroup").write_text(cgroup)
        (process / "exe").symlink_to(exe)

    def app(self) -> App:
        app, _ = LinuxIdentifier(str(self.folder)).identify(Process(ProcessIdentity(7, 22, "boot"), "motion", uid=1000))
        return app


@pytest.mark.parametrize(
    ("cgroup", "proven"),
    [
        (f"0::/system.slice/docker-{CONTAINER}.scope\n", True),
        (f"12:pids:/docker/{CONTAINER}\n1:name=systemd:/docker/{CONTAINER}\n0::/docker/{CONTAINER}\n", True),
        (f"0::/machine.slice/libpod-{CONTAINER}.scope/container\n", True),
        (f"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{CONTAINER}.scope\n", True),
        (f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{CONTAINER}.scope/container\n", False),
        (f"0::/user.slice/user-1000.slice/user@1000.service/docker-{CONTAINER}.scope\n", False),
        (f"0::/../../docker/{CONTAINER}\n", False),
    ],
)
def test_a_container_is_known_by_its_number_and_proven_where_root_runs_it(
    tmp_path: Path, cgroup: str, proven: bool
) -> None:
    app = Tree(tmp_path, cgroup).app()
    assert (app.identity.kind, app.identity.id, app.identity.path) == (AppKind.CONTAINER, CONTAINER, None)
    assert app.name == "container 3f4e5d6c7b8a"
    assert app.allowable is proven


@pytest.mark.parametrize(
    "cgroup",
    [
        f"0::/system.slice/libpod-conmon-{CONTAINER}.scope\n",
        f"0::/system.slice/docker-{CONTAINER[:-1]}.scope\n",
        f"0::/system.slice/docker-{CONTAINER.upper()}.scope\n",
        "0::/system.slice/docker.service\n",
    ],
)
def test_what_is_no_container(tmp_path: Path, cgroup: str) -> None:
    assert not Tree(tmp_path, cgroup).app().known
