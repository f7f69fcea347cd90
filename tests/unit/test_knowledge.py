"""What camguard knows by name: each entry of the file is tried here, and does something."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from camguard import rulebook
from camguard.core.circumstance import Circumstance
from camguard.core.context import ContextPolicy, supposed
from camguard.core.model import App, AppIdentity, AppKind, Camera, CameraKind, Effect, Judgement, Rule
from camguard.core.policy import Circumstances, judge
from camguard.desktopentry import LAUNCHERS
from camguard.platform.linux.faceunlock import EVEN, shipped_rules
from camguard.platform.linux.knowledge import FILE, decode, knowledge
from camguard.platform.linux.naming import Namer
from camguard.platform.linux.packages import Package, Packages
from camguard.platform.linux.protected import protection
from camguard.platform.linux.resolvers import RESOLVERS, Facts, File
from camguard.wording import ending_closes
from tests.support.core_data import CAMERA, START

BROKER, SYSTEM, SESSION = "holds the camera for other programs", "part of the system itself", "part of the session"

PROTECTED = {
    "pipewire": ("pipewire", BROKER),
    "pipewire-media-session": ("pipewire-media-session", BROKER),
    "wireplumber": ("wireplumber", BROKER),
    "xdg-desktop-portal*": ("xdg-desktop-portal-gnome", BROKER),
    "systemd": ("systemd", SYSTEM),
    "systemd-logind": ("systemd-logind", SYSTEM),
    "systemd-udevd": ("systemd-udevd", SYSTEM),
    "udevadm": ("udevadm", SYSTEM),
    "elogind": ("elogind", SYSTEM),
    "elogind-daemon": ("elogind-daemon", SYSTEM),
    "init": ("init", SYSTEM),
    "dbus-daemon": ("dbus-daemon", SYSTEM),
    "dbus-broker": ("dbus-broker", SYSTEM),
    "dbus-broker-launch": ("dbus-broker-launch", SYSTEM),
    "Xorg": ("Xorg", SESSION),
    "Xorg.wrap": ("Xorg.wrap", SESSION),
    "Xwayland": ("Xwayland", SESSION),
    "gnome-shell": ("gnome-shell", SESSION),
    "gnome-session-binary": ("gnome-session-binary", SESSION),
    "mutter*": ("mutter-x11-frames", SESSION),
    "kwin*": ("kwin_wayland", SESSION),
    "plasmashell": ("plasmashell", SESSION),
    "ksmserver": ("ksmserver", SESSION),
    "startplasma-*": ("startplasma-wayland", SESSION),
    "sway": ("sway", SESSION),
    "Hyprland": ("Hyprland", SESSION),
    "weston": ("weston", SESSION),
    "xfwm4": ("xfwm4", SESSION),
    "xfce4-session": ("xfce4-session", SESSION),
    "cinnamon": ("cinnamon", SESSION),
    "gdm*": ("gdm-session-worker", SESSION),
    "sddm*": ("sddm-helper", SESSION),
    "lightdm": ("lightdm", SESSION),
    "lxdm": ("lxdm", SESSION),
    "greetd": ("greetd", SESSION),
    "cosmic-greeter*": ("cosmic-greeter-daemon", SESSION),
}

LOGIN = {
    "Login screen (GDM)": ["/usr/sbin/gdm3", "/usr/sbin/gdm", "/usr/libexec/gdm-session-worker"],
    "Login screen (SDDM)": [
        "/usr/bin/sddm", "/usr/libexec/sddm-helper", "/usr/bin/sddm-greeter", "/usr/bin/sddm-greeter-qt6",
    ],
    "Login screen (LightDM)": ["/usr/sbin/lightdm", "/usr/sbin/lightdm-gtk-greeter", "/usr/sbin/slick-greeter"],
    "Login screen (greetd)": ["/usr/sbin/greetd", "/usr/bin/gtkgreet", "/usr/bin/regreet", "/usr/bin/cosmic-greeter"],
    "Face unlock (Howdy)": [
        "/usr/bin/howdy",
        "/usr/lib/howdy/compare.py",
        "/usr/lib64/howdy/compare.py",
        "/lib/security/howdy/compare.py",
        "/usr/lib/security/howdy/compare.py",
        "/lib64/security/howdy/compare.py",
        "/usr/lib64/security/howdy/compare.py",
    ],
}  # fmt: skip

SHIPPED = {
    "gdm": ["package:gdm3:gdm-session-worker", "package:gdm:gdm", "/usr/bin/gdm", "/usr/lib/gdm-session-worker",
            "/usr/libexec/gdm-session-worker"],
    "sddm": ["package:sddm:sddm-helper", "/usr/bin/sddm", "/usr/lib/sddm/sddm-helper"],
    "lightdm": ["package:lightdm:lightdm", "/usr/bin/lightdm"],
    "greetd": ["package:greetd:greetd", "/usr/bin/greetd"],
    "howdy": ["/usr/lib/howdy/compare.py", "/usr/lib64/howdy/compare.py", "/lib/security/howdy/compare.py",
              "/usr/lib/security/howdy/compare.py", "/lib64/security/howdy/compare.py",
              "/usr/lib64/security/howdy/compare.py"],
}  # fmt: skip
"""Programs, by the key of their entry: each is let through by one shipped rule."""

LOCK_TELLING = {"gnome", "gnome-classic", "ubuntu", "pop", "KDE", "plasma"}
REMOTE = {"sshd", "xrdp-sesman"}

FIREFOX = "Firefox"
BROWSERS = {
    FIREFOX: ["package:firefox:firefox", "package:firefox-esr:firefox-esr", "package:MozillaFirefox:firefox-bin",
              "flatpak:org.mozilla.firefox", "snap:firefox", "firefox", "firefox-bin", "firefox-esr"],
    "LibreWolf": ["package:librewolf:librewolf", "flatpak:io.gitlab.librewolf-community", "librewolf", "librewolf-bin"],
    "Tor Browser": ["flatpak:org.torproject.torbrowser-launcher", "firefox.real"],
    "Chromium": ["package:chromium:chromium", "package:chromium-browser:chromium-browser",
                 "flatpak:org.chromium.Chromium", "snap:chromium", "chromium", "chromium-browser"],
    "Google Chrome": ["package:google-chrome-stable:chrome", "package:google-chrome-beta:chrome",
                      "package:google-chrome-unstable:chrome", "flatpak:com.google.Chrome", "chrome", "google-chrome",
                      "google-chrome-stable"],
    "Microsoft Edge": ["package:microsoft-edge-stable:msedge", "package:microsoft-edge-beta:msedge",
                       "package:microsoft-edge-dev:msedge", "flatpak:com.microsoft.Edge", "msedge", "microsoft-edge"],
    "Brave": ["package:brave-browser:brave", "flatpak:com.brave.Browser", "snap:brave", "brave", "brave-browser"],
    "Vivaldi": ["package:vivaldi-stable:vivaldi-bin", "flatpak:com.vivaldi.Vivaldi", "vivaldi", "vivaldi-bin"],
    "Opera": ["package:opera-stable:opera", "flatpak:com.opera.Opera", "snap:opera", "opera"],
}  # fmt: skip
CLOSES = {FIREFOX, "LibreWolf", "Tor Browser"}

WINE = ["wine", "wine64", "wine-preloader", "wine64-preloader"]


@pytest.fixture
def namer() -> Namer:
    return Namer(Packages(()), lambda: ())


def program(text: str, *, roots: bool = True) -> Facts:
    """The facts of a program, written ``package:NAME:BASE``, ``flatpak:ID``, ``snap:NAME`` or as its base name."""
    kind, _, rest = text.partition(":")
    if kind == "package":
        package, _, base = rest.partition(":")
        return Facts(File(f"/usr/lib/x/{base}", "ab", package=Package(package, "1"), roots=roots))
    if kind == "flatpak":
        return Facts(File("/app/bin/x", "ab", roots=roots, deployed="/var/lib/x"), flatpak=rest)
    return Facts(File(f"/snap/{rest}/7/x" if rest else f"/opt/x/{text}", "ab", roots=roots))


def app(facts: Facts) -> App:
    return next(found for resolve in RESOLVERS if (found := resolve(facts)) is not None)


@pytest.mark.parametrize(("name", "why"), PROTECTED.values())
def test_what_is_never_ended_and_why(name: str, why: str) -> None:
    assert why in (protection(name) or "")
    assert protection(f"x{name}") is None


def test_a_program_that_is_named_nowhere_may_be_ended() -> None:
    assert [protection(name) for name in ("cheese", "", "pipewire-x", "*")] == [None] * 4


@pytest.mark.parametrize(("name", "path"), [(name, path) for name, paths in LOGIN.items() for path in paths])
def test_login_managers_are_named_where_they_are_roots(namer: Namer, name: str, path: str) -> None:
    for roots in (True, False):
        file = File(path, "ab", roots=roots)
        facts = Facts(File("/usr/bin/python3", "cd"), path, file) if path.endswith(".py") else Facts(file)
        assert (namer.name(app(facts), facts) == name) is roots


INFRARED = replace(CAMERA, kind=CameraKind.INFRARED)
AT_THE_LOCK = supposed(EVEN, ContextPolicy(frozenset(Circumstance)))


def login_program(text: str, *, note: str | None = None) -> App:
    """The app of a root-owned program, written as in `program` or as a whole path."""
    if not text.startswith("/"):
        return app(program(text))
    file = File(text, "ab", note=note, roots=note is None)
    return app(Facts(File("/usr/bin/python3", "cd", roots=True), text, file) if text.endswith(".py") else Facts(file))


def judged(found: App, camera: Camera = INFRARED, user: str = "root", **more: Any) -> Judgement:
    case = Circumstances(found, camera, START, user=user, uid=0 if user == "root" else 1000, **more)
    return judge(case, shipped_rules()).judgement


@pytest.mark.parametrize(("key", "text"), [(key, text) for key, texts in SHIPPED.items() for text in texts])
def test_login_managers_may_use_infrared_cameras_and_others_not(key: str, text: str) -> None:
    found = login_program(text)
    rule = judge(Circumstances(found, INFRARED, START, user="root", uid=0), shipped_rules()).rule
    assert rule is not None
    assert rule.startswith(f"login.{key}.")
    assert judged(found, against=AT_THE_LOCK) is Judgement.EXPECTED
    assert judged(found, CAMERA) is Judgement.UNEXPECTED
    assert judged(found, user="anna") is Judgement.UNEXPECTED
    own = Rule("r1", Effect.ASK, found.identity)
    case = Circumstances(found, INFRARED, START, user="root", uid=0)
    assert judge(case, [*shipped_rules(), own]).rule == "r1"


@pytest.mark.parametrize("key", SHIPPED)
def test_each_login_manager_has_as_many_rules_as_are_tried(key: str) -> None:
    assert len([rule for rule in shipped_rules() if rule.id.startswith(f"login.{key}.")]) == len(SHIPPED[key])


@pytest.mark.parametrize("path", ["/home/anna/howdy", "/home/anna/lib/security/howdy/compare.py", "/tmp/gdm3"])
def test_a_program_that_only_calls_itself_so_gains_nothing(path: str) -> None:
    assert judged(login_program(path)) is Judgement.UNEXPECTED


def test_what_is_shown_at_a_login_managers_path_to_itself_alone_gains_nothing() -> None:
    for path in ("/usr/lib/security/howdy/compare.py", "/usr/bin/sddm"):
        assert judged(login_program(path, note="not the file at its path")) is Judgement.UNEXPECTED


def test_no_rule_in_a_file_can_have_the_id_of_a_shipped_one() -> None:
    ids = [rule.id for rule in shipped_rules()]
    assert len(set(ids)) == len(ids)
    assert all("." in each and rulebook._ID.fullmatch(each) is None for each in ids)
    assert all(rule.shipped for rule in shipped_rules())


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in BROWSERS.items() for text in texts])
def test_browsers_are_named_and_the_guard_knows_which_of_them_close(namer: Namer, name: str, text: str) -> None:
    facts = program(text)
    found = app(facts)
    assert namer.name(found, facts) == name
    browser = namer.browser(found.identity, facts.exe)
    assert browser is not None
    assert browser.closes is (name in CLOSES)


def test_a_program_of_ones_own_is_no_browser_by_its_name(namer: Namer) -> None:
    facts = program("firefox", roots=False)
    assert namer.name(app(facts), facts) == "firefox"
    assert namer.browser(app(facts).identity, facts.exe) is None
    assert namer.browser(AppIdentity(AppKind.UNKNOWN, "firefox"), facts.exe) is None
    other = program("package:firefox:pingsender")
    assert namer.name(app(other), other) == "pingsender"


@pytest.mark.parametrize("name", WINE)
def test_no_windows_program_is_taken_for_wine(name: str) -> None:
    assert not app(Facts(File(f"/usr/bin/{name}", "ab", package=Package("wine", "9"), roots=True))).known


def test_each_entry_of_the_file_is_tried_here() -> None:
    known = knowledge()
    brokers = {*known.brokers.executables, *(f"{name}*" for name in known.brokers.portals)}
    assert brokers | {name for entry in known.protected for name in entry.executables} == set(PROTECTED)
    assert {entry.key for entry in known.login} == set(SHIPPED)
    assert (set(known.session.lock_telling), set(known.session.remote_services)) == (LOCK_TELLING, REMOTE)
    named = {entry.name: {*entry.executables, *entry.scripts} for entry in known.login}
    assert named == {
        name: {path if path.endswith(".py") else path.rpartition("/")[2] for path in paths}
        for name, paths in LOGIN.items()
    }
    assert {browser.name for browser in known.browser} == set(BROWSERS)
    for browser in known.browser:
        rows = BROWSERS[browser.name]
        tried = {text.split(":")[1] for text in rows if ":" in text}
        assert {*browser.packages, *browser.flatpaks, *browser.snaps} == tried, browser.name
        assert set(browser.executables) <= {text.rpartition(":")[2] for text in rows}, browser.name
    assert set(known.wine.executables) == set(WINE)


def test_no_name_is_claimed_by_two() -> None:
    known = knowledge()
    for names in (
        [name for entry in known.interpreter for name in entry.names],
        [suffix for entry in known.interpreter for suffix in entry.suffixes],
        [name for entry in known.protected for name in entry.executables],
        [name for browser in known.browser for name in browser.packages],
        [name for browser in known.browser for name in (*browser.flatpaks, *browser.snaps)],
        [name for browser in known.browser for name in browser.executables],
    ):
        assert len(names) == len(set(names))


def test_each_suffix_is_run_by_an_interpreter_that_is_known() -> None:
    for entry in knowledge().interpreter:
        for suffix, command in entry.suffixes.items():
            assert knowledge().run_by(f"/x/y{suffix}") == command
            assert knowledge().interpreter_of(command) == entry
    assert knowledge().run_by("/x/y") is None


def test_what_starts_other_programs_is_no_program_that_an_entry_is_about() -> None:
    assert {"flatpak", "snap", "env", *knowledge().wine.executables[:1]} <= LAUNCHERS


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("closes = true", 'closes = "yes"'),
        ("closes = true", "shuts = true"),
        ('why = "is a part of the system itself"', ""),
        ("[wine]", "[whine]"),
        ('module = "m"', "module = 1"),
    ],
)
def test_the_file_is_read_strictly(written: str, instead: str) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert decode(text) == knowledge()
    with pytest.raises(msgspec.ValidationError):
        decode(text.replace(written, instead, 1))


def entry(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.desktop").write_text(f"[Desktop Entry]\nType=Application\n{text}")


def test_a_desktop_entry_names_the_app_that_it_is_of(tmp_path: Path) -> None:
    real = tmp_path / "guvcview"
    real.write_text("")
    real.chmod(0o755)
    namer = Namer(Packages(()), lambda: (str(tmp_path),))
    entry(tmp_path, "guvcview", f"Name=Camera Viewer\nExec={real}\n")
    entry(tmp_path, "org.gnome.Cheese", "Name=Cheese!\nExec=flatpak run x\nX-Flatpak=org.gnome.Cheese\n")
    entry(tmp_path, "zoom-client_zoom", "Name=Zoom\nExec=env x\nX-SnapInstanceName=zoom-client\n")
    cases = [
        (Facts(File(str(real), "ab")), "Camera Viewer"),
        (Facts(File("/tmp/guvcview", "ab")), "guvcview"),
        (program("flatpak:org.gnome.Cheese"), "Cheese!"),
        (program("snap:zoom-client"), "Zoom"),
        (program("snap:other"), "other"),
    ]
    assert [namer.name(app(facts), facts) for facts, _ in cases] == [name for _, name in cases]


class OneDatabase:
    """A package manager with one package of several files."""

    name = "one"

    def __init__(self, files: tuple[str, ...]) -> None:
        self._files = files

    def stamp(self) -> int:
        return 1

    def owner(self, path: str) -> Package | None:
        return None

    def files(self, package: str) -> tuple[str, ...]:
        return self._files if package == "obs-studio" else ()


@pytest.mark.parametrize(("hidden", "name"), [("true", "OBS Studio"), ("false", "obs")])
def test_a_package_with_one_app_is_called_as_that(tmp_path: Path, hidden: str, name: str) -> None:
    files = [str(tmp_path / f"{each}.desktop") for each in ("obs", "helper")]
    namer = Namer(Packages((OneDatabase(tuple(files)),)), lambda: (str(tmp_path),))
    entry(tmp_path, "obs", "Name=OBS Studio\nExec=obs-wrapper\n")
    entry(tmp_path, "helper", f"Name=Helper\nExec=obs-helper\nNoDisplay={hidden}\n")
    facts = program("package:obs-studio:obs")
    assert namer.name(app(facts), facts) == name
    assert namer.name(App(AppIdentity(AppKind.PACKAGE, "other", "/x"), "x"), program("package:other:x")) == "x"


def test_entries_are_read_again_when_one_comes(tmp_path: Path) -> None:
    namer = Namer(Packages(()), lambda: (str(tmp_path),))
    facts = program("snap:cam")
    assert namer.name(app(facts), facts) == "cam"
    entry(tmp_path, "cam_cam", "Name=Camera\nExec=env x\nX-SnapInstanceName=cam\n")
    assert namer.name(app(facts), facts) == "Camera"


def test_the_warning_names_what_closes_and_what_to_do_instead() -> None:
    assert ending_closes(FIREFOX) == (
        "Ending it closes Firefox; switching the camera off instead (camguard off) keeps Firefox running."
    )
