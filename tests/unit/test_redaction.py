"""What a log may show of a command line."""

from __future__ import annotations

import secrets
import string
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.core.redaction import MAX_ARGUMENTS, MAX_CHARACTERS, MORE, REDACTED, redact

SECRET = "Tr0ub4dor!3"
UNQUOTED = st.text(string.ascii_letters + string.digits + "!$%*+.:_-", min_size=6, max_size=40).map(
    lambda t: f"Zq7{t}x"
)
PLACES = [
    ("prog", "--password", "{}"),
    ("prog", "--db-password={}"),
    ("prog", "-password", "{}"),
    ("prog", "--token", "{}", "--verbose"),
    ("prog", "--api-key={}"),
    ("prog", "--apiKey={}"),
    ("prog", "--client-secret", "{}"),
    ("env", "GITHUB_TOKEN={}", "prog"),
    ("env", "AWS_SECRET_ACCESS_KEY={}", "prog"),
    ("docker", "run", "-e", "POSTGRES_PASSWORD={}", "postgres"),
    ("docker", "login", "-u", "me", "-p", "{}"),
    ("curl", "-H", "Authorization: Bearer {}"),
    ("curl", "-H", "authorization: Basic {}"),
    ("curl", "-H", "X-Api-Key: {}"),
    ("curl", "-u", "me:{}", "https://host/"),
    ("curl", "-ume:{}", "https://host/"),
    ("curl", "https://me:{}@host/path"),
    ("ffmpeg", "-i", "rtsp://admin:{}@10.0.0.7:554/stream1"),
    ("ffmpeg", "-i", "rtsp://10.0.0.7/user=admin&password={}&channel=1"),
    ("vlc", "https://host/live?channel=1&token={}"),
    ("vlc", "https://host/live?sig={}&channel=1"),
    ("mysql", "-u", "me", "-p{}", "shop"),
    ("/usr/bin/mysqldump", "-p{}"),
    ("sshpass", "-p", "{}", "ssh", "host"),
    ("redis-cli", "-a", "{}"),
    ("mount", "-o", "username=me,password={}", "//host/share"),
    ("psql", "host=db user=me password={} dbname=shop"),
    ("openssl", "enc", "-pass", "pass:{}"),
    ("sh", "-c", "mysql -p{} shop"),
    ("sh", "-c", "prog --password '{} with spaces'; true"),
    ("prog", '{{"user": "me", "password": "{}"}}'),
]
SHAPES = [
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz",
    "glpat-abcdefghij1234567890",
    "xoxb-123456789012-abcdefghijkl",
]
HARMLESS = [
    ("cheese",),
    ("ffmpeg", "-f", "v4l2", "-video_size", "1280x720", "-pass", "1", "-i", "/dev/video0", "out.mp4"),
    ("/opt/google/chrome/chrome", "--type=utility", "--field-trial-handle=3,i,1234567890123456789,262144"),
    ("chrome", "--password-store=basic", "--no-first-run", "https://meet.example.org/room?lang=de&view=grid#top"),
    ("llm", "--max-tokens", "100", "--token-file", "/home/me/t"),
    ("python3", "/usr/lib/python3/dist-packages/numpy/core/_multiarray_umath.cpython-311-x86_64-linux-gnu.so"),
    ("python3", "/home/me/Projects/Video2024Capture/CaptureMainLoop3d.py", "--width=640"),
    ("mount", "UUID=6f1f2f6e-9c9b-4b1c-8e55-3a7e5f0c2d11", "/mnt"),
    ("npm", "install", "http://registry.example.org:4873/@scope/name"),
    ("mysql", "-p", "shop"),
    ("env", "PWD=/home/me", "LANG=C", "cheese"),
    ("X", ":0", "-auth", "/run/lightdm/root/:0", "-keybd", "us"),
    ("org.gnome.Cheese", "--gapplication-service"),
]


@pytest.mark.parametrize("place", PLACES, ids=" ".join)
@given(secret=UNQUOTED)
def test_a_planted_secret_never_survives(place: Sequence[str], secret: str) -> None:
    shown = redact([word.format(secret) for word in place])
    assert not any(secret in word for word in shown)
    assert any(REDACTED in word for word in shown)


def test_the_option_keeps_its_name() -> None:
    assert redact(("prog", "--password", SECRET, "--api-key=" + SECRET)) == (
        "prog",
        "--password",
        REDACTED,
        f"--api-key={REDACTED}",
    )
    assert redact(("curl", f"https://me:{SECRET}@host/x?token={SECRET}&page=2")) == (
        "curl",
        f"https://me:{REDACTED}@host/x?token={REDACTED}&page=2",
    )


def test_a_password_with_the_signs_of_an_address_in_it_goes_whole() -> None:
    assert redact(("ffmpeg", "rtsp://admin:p@ss/w@10.0.0.7:554/1")) == (
        "ffmpeg",
        f"rtsp://admin:{REDACTED}@10.0.0.7:554/1",
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_well_known_shapes_go_wherever_they_stand(shape: str) -> None:
    for argument in (shape, f"--x={shape}", f"https://host/{shape}/y", f"say '{shape}' twice"):
        assert shape not in redact(("prog", argument))[1]


@pytest.mark.parametrize("length", [16, 20, 32, 64])
def test_long_random_runs_go(length: int) -> None:
    for _ in range(50):
        key = secrets.token_hex(length)
        assert key not in redact(("prog", f"--x={key}"))[1]


@pytest.mark.parametrize("command", HARMLESS, ids=" ".join)
def test_harmless_commands_stay_as_they_are(command: tuple[str, ...]) -> None:
    assert redact(command) == command


@given(
    st.lists(st.from_regex(r"\A(?:--?[a-z]{1,8}(?:=[0-9]{1,6})?|[a-z]{1,12}|/[a-z]{1,9}/[a-z]{1,9})\Z"), max_size=20)
)
def test_plain_words_and_numbers_stay_as_they_are(words: list[str]) -> None:
    names = ("pass", "pwd", "psk", "cookie", "secret", "token")
    if not any(name in word for word in words for name in names):
        assert redact(("prog", *words)) == ("prog", *words)


SIGNS = ("--password", "--token=", "=", "@", "://", "a:b@", "?key=", "&sig=", " ", "'", '"', "{", "}", "\n", "\udcff")
WORDS = (
    "Bearer ",
    "authorization:",
    "mysql",
    "-p",
    "x" * 300,
    f"eyJ{'a' * 30}.b",
    "0123456789abcdef" * 3,
    REDACTED,
    MORE,
)
PIECES = st.sampled_from((*SIGNS, *WORDS))
ARGUMENTS = st.lists(PIECES | st.text(max_size=20), max_size=12).map("".join)
COMMANDS = st.lists(ARGUMENTS, max_size=8)


@given(COMMANDS)
def test_redacting_twice_changes_nothing_more(command: list[str]) -> None:
    once = redact(command)
    assert redact(once) == once


@given(COMMANDS.map(lambda command: command * 20))
def test_it_is_never_longer_than_the_bounds(command: list[str]) -> None:
    shown = redact(command)
    assert len(shown) == min(len(command), MAX_ARGUMENTS)
    assert all(len(word) <= MAX_CHARACTERS for word in shown)


def test_what_is_cut_bears_a_mark() -> None:
    shown = redact(["prog", "x " * 5000, *["y"] * 100])
    assert shown[1].endswith(MORE)
    assert shown[-1] == MORE


@pytest.mark.parametrize("place", range(440, 540, 7))
def test_a_secret_at_the_cut_does_not_survive_in_part(place: int) -> None:
    shown = redact(("prog", "a " * (place // 2) + f"--password {SECRET * 4} " + "b " * 100))
    assert SECRET[:4] not in shown[1]


@pytest.mark.parametrize(
    "evil", ["a-", "'\"", "a_", "://a:", "eyJ", "a=b ", '"a', "bearer ", "A", "1a", "token: ", "key=' "]
)
def test_hostile_lines_take_linear_time(evil: str) -> None:
    # Patterns that backtrack would take minutes here; the test would be seen to hang.
    assert len(redact((evil * (64 * 1024 // len(evil)),))) == 1
