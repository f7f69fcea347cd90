"""Claims of sandboxes and images are read whatever they hold, and prove nothing by themselves."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camguard.platform.linux import sandbox
from camguard.platform.linux.sandbox import FlatpakClaim, claim_of, deployed, flatpak_claim, of_runtime

COMMIT = "ab" * 32
FILES = f"/var/lib/flatpak/app/us.zoom.Zoom/x86_64/stable/{COMMIT}/files"
RUNTIME = f"/var/lib/flatpak/runtime/org.gnome.Platform/x86_64/46/{COMMIT}/files"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
CLAIMED = TEXTS | st.sampled_from(
    [FILES, RUNTIME, f"{FILES}/..", "/usr", "/", f"/var/lib/flatpak/app/../../{COMMIT}/files"]
)
PATHS = TEXTS | st.sampled_from(
    ["/app/bin/x", "/app/../usr/bin/tail", "/newroot/app/bin/x", "/usr/bin/tail", f"{FILES}/x"]
)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("org.gnome.Cheese", True),
        ("io.gitlab.librewolf-community", True),
        ("cheese", False),
        ("../etc", False),
        ("org.gnome.Cheese\x1b[31m", False),
        ("9.gnome.Cheese", False),
        ("a." + "b" * 300, False),
    ],
)
def test_the_id_has_the_form_of_one(name: str, known: bool) -> None:
    claim = flatpak_claim(f"[Application]\nname={name}\n[Instance]\napp-path={FILES}\nruntime-path={RUNTIME}\n")
    assert claim == (FlatpakClaim(name, FILES, RUNTIME) if known else None)


def test_a_runtime_by_itself_is_no_app() -> None:
    assert flatpak_claim("[Runtime]\nname=org.gnome.Platform\n") is None


@given(st.text())
def test_whatever_the_file_holds_it_is_read(text: str) -> None:
    for claim in (flatpak_claim(text), flatpak_claim(f"[Application]\nname=a.b\n[Instance]\napp-path={text}")):
        assert claim is None or claim.id.isascii()


@given(st.sampled_from(["us.zoom.Zoom", ".."]) | TEXTS, st.none() | CLAIMED, st.none() | CLAIMED, PATHS)
def test_words_alone_prove_nothing(id_: str, files: str | None, runtime: str | None, path: str) -> None:
    running = os.stat("/usr/bin/tail")  # root's own, but no Flatpak's
    claim = FlatpakClaim(id_, files, runtime)
    assert deployed(claim, path, running) is None
    assert not of_runtime(claim, path, running)


@pytest.mark.parametrize("path", ["/usr/bin/tail", "/var/lib/flatpak/app/x", f"{FILES}x/bin/zoom", "/files/x", ""])
def test_what_lies_elsewhere_is_no_flatpaks_file(path: str) -> None:
    assert claim_of(path) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda tail: b"A=1\0APPIMAGE=/" + tail))
def test_whatever_the_environment_holds_it_is_read(tmp_path: Path, environ: bytes) -> None:
    if not (tmp_path / "7").exists():
        (tmp_path / "7").mkdir()
        (tmp_path / "7" / "root").symlink_to("/")
    (tmp_path / "7" / "environ").write_bytes(environ)
    with ExitStack() as stack:
        found = sandbox.image(str(tmp_path), 7, "/tmp/.mount_x/y", stack)
    assert found is None or Path(found.path).is_file()


def test_the_image_is_the_file_that_the_environment_names_if_it_is_one(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "root").symlink_to("/")
    image = tmp_path / "Call.AppImage"
    (tmp_path / "7" / "environ").write_bytes(b"A=1\0APPIMAGE=" + os.fsencode(image) + b"\0APPIMAGE=/other\0")
    (tmp_path / "link.AppImage").symlink_to(image)
    for content, known in ((b"", False), (b"\x7fELF\2\1\1\0\0\0", False), (b"\x7fELF\2\1\1\0AI\2", True)):
        image.write_bytes(content)
        with ExitStack() as stack:
            found = sandbox.image(str(tmp_path), 7, "/tmp/.mount_x/y", stack)
            assert (found is not None and found.path == str(image)) is known
            assert sandbox.image(str(tmp_path), 7, "/tmp/mount_x/y", stack) is None
    (tmp_path / "7" / "environ").write_bytes(b"APPIMAGE=" + os.fsencode(tmp_path / "link.AppImage"))
    with ExitStack() as stack:
        assert sandbox.image(str(tmp_path), 7, "/tmp/.mount_x/y", stack) is None


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "nothing"])
def test_only_a_plain_file_in_another_root_is_read(tmp_path: Path, kind: str) -> None:
    """A link would lead out of the sandbox, and a pipe would never end."""
    (tmp_path / "7" / "root").mkdir(parents=True)
    for pid, namespace in ((7, "mnt:[7]"), (os.getpid(), "mnt:[1]")):
        (tmp_path / str(pid) / "ns").mkdir(parents=True)
        (tmp_path / str(pid) / "ns" / "mnt").symlink_to(namespace)
    info = tmp_path / "7" / "root" / ".flatpak-info"
    plain = tmp_path / "plain"
    plain.write_text("[Application]\nname=org.gnome.Cheese\n")
    match kind:
        case "link":
            info.symlink_to(plain)
        case "pipe":
            os.mkfifo(info)
        case "folder":
            info.mkdir()
    with ExitStack() as stack:
        assert sandbox.flatpak(str(tmp_path), 7, stack) is None
        if kind == "nothing":
            info.write_bytes(plain.read_bytes())
            assert sandbox.flatpak(str(tmp_path), 7, stack) == FlatpakClaim("org.gnome.Cheese", None, None)
            own = tmp_path / "7" / "ns" / "mnt"
            own.unlink()
            own.symlink_to("mnt:[1]")  # the guard's own namespace
            assert sandbox.flatpak(str(tmp_path), 7, stack) is None
