"""Which app facts make, and that none that a user can forge makes one that a rule may allow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.core.confidence import Confidence
from camguard.core.model import App, AppKind
from camguard.platform.linux.evidence import MISPLACED, UNREADABLE
from camguard.platform.linux.packages import Package
from camguard.platform.linux.resolvers import RESOLVERS, Facts, File

SHA = "ab" * 32
USER = "/user.slice/user-1000.slice/user@1000.service/app.slice"


def app(facts: Facts) -> App:
    found = next((each for resolve in RESOLVERS if (each := resolve(facts)) is not None), None)
    assert found is not None
    return found


@pytest.mark.parametrize("root", ["/snap", "/var/lib/snapd/snap"])
def test_a_snap_is_known_by_the_file_that_runs_whatever_its_revision(root: str) -> None:
    found = app(Facts(File(f"{root}/zoom-client/251/zoom/zoom", SHA, roots=True)))
    assert (found.identity.kind, found.identity.id, found.name) == (AppKind.SNAP, "zoom-client", "zoom-client")
    assert (found.identity.path, found.version) == (f"{root}/zoom-client/current/zoom/zoom", "revision 251")
    assert found.allowable


@pytest.mark.parametrize(
    "file",
    [
        File("/snap/zoom-client/251/zoom", SHA, roots=False),
        File("/snap/core22/1234/usr/bin/tool", SHA, roots=True),
        File("/home/a/snap/zoom-client/251/zoom", SHA, roots=True),
        File("/snap/zoom-client/../zoom", SHA, roots=True),
    ],
)
def test_what_is_no_snap(file: File) -> None:
    assert app(Facts(file)).identity.kind is AppKind.EXECUTABLE


def test_a_script_in_a_snap_is_that_snap_where_root_has_the_interpreter_too() -> None:
    script = File("/snap/cam/x1/bin/cam.py", SHA, roots=True)
    python = File("/snap/cam/x1/usr/bin/python3.10", SHA, roots=True)
    found = app(Facts(python, script.path, script))
    assert (found.identity.kind, found.identity.id, found.identity.path) == (
        AppKind.SNAP, "cam", "/snap/cam/current/bin/cam.py",
    )  # fmt: skip
    own = File("/home/a/python3", SHA)
    assert app(Facts(own, script.path, script)).identity.kind is AppKind.SCRIPT


def test_a_snaps_group_is_believed_of_a_service_and_only_said_in_a_session() -> None:
    hidden = File("/usr/bin/cam", SHA, MISPLACED)
    service = app(Facts(hidden, groups=("/system.slice/snap.cam.daemon.service",)))
    assert (service.identity.kind, service.identity.id, service.allowable) == (AppKind.SNAP, "cam", True)
    session = app(Facts(hidden, groups=(f"{USER}/snap.cam.cam-1234.scope",)))
    assert (session.identity.id, session.confidence) == ("cam", Confidence.SELF_DECLARED)


@pytest.mark.parametrize("loader", ["wine", "wine64-preloader"])
def test_a_windows_program_is_named_and_nothing_is_allowed_for_it(loader: str) -> None:
    exe = File(f"/home/a/.steam/Proton 9.0/files/bin/{loader}", SHA)
    found = app(Facts(exe, command=("C:\\Program Files\\Zoom\\Zoom.EXE", "--meeting")))
    assert (found.name, found.known, found.confidence) == ("Zoom.EXE", False, Confidence.SELF_DECLARED)
    assert app(Facts(exe, command=("explorer",))).name == loader


TEXTS = st.text(max_size=40)
CLAIMS = st.builds(
    Facts,
    st.builds(
        File,
        st.sampled_from(["/app/bin/x", "/snap/x/1/y", "/usr/bin/cheese", "/tmp/.mount_x/y", "/usr/bin/wine"]) | TEXTS,
        st.none() | st.just(SHA),
        st.sampled_from([MISPLACED, UNREADABLE]),
    ),
    script=st.none() | st.sampled_from(["/app/x.py", "-m x"]) | TEXTS,
    command=st.lists(TEXTS | st.just("C:\\zoom.exe"), max_size=3).map(tuple),
    groups=st.lists(
        st.sampled_from(
            [f"{USER}/docker-{SHA}.scope", f"{USER}/snap.zoom.zoom.scope", f"{USER}/app-gnome-zoom-1.scope", f"/{SHA}"]
        ),
        max_size=2,
    ).map(tuple),
    flatpak=st.none() | st.just("us.zoom.Zoom"),
    image=st.none() | st.builds(File, st.sampled_from(["/home/a/Zoom.AppImage", "/x"]), st.none() | st.just(SHA)),
)
"""Of a process whose file is not the one at its path: all that a user can make it look like."""


@given(CLAIMS)
def test_what_a_user_can_forge_is_never_enough_for_a_rule_that_allows(facts: Facts) -> None:
    found = app(facts)
    by_content = found.identity.id == f"sha256:{SHA}"  # the content that runs, whatever it is called
    assert by_content or not found.allowable
    if by_content:
        assert (found.identity.path, found.identity.sha256) == (None, SHA)


@given(CLAIMS)
def test_no_claim_takes_a_genuine_file_its_name(facts: Facts) -> None:
    genuine = File("/usr/bin/cheese", SHA, None, Package("cheese", "44"), roots=True)
    if facts.image is None:
        found = app(Facts(genuine, facts.script, None, facts.command, facts.groups, facts.flatpak))
        assert (found.identity.kind, found.identity.id) == (AppKind.PACKAGE, "cheese")
