"""Takes the secrets out of a command line before it is written down or shown.

A command line is a hint for whoever reads the log, so it rather loses too much than too little. What a name
tells to be a secret (an option, a variable, a header, a part of an address) goes, and what looks like one (a
well-known prefix, a long random run). Whoever wrote the line may be hostile, so every pattern takes linear time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

REDACTED = "[redacted]"
MORE = "…"
MAX_ARGUMENTS = 64
MAX_CHARACTERS = 512
_KEPT = 480  # characters of an argument that is too long; what lies between is room to mend a mark that was cut
_PASSES = 8  # what one pattern takes out can show another where to begin; hostile lines need three or four
_RANDOM_CHANGES = 0.35  # share of neighbours of different kind: words stay below 0.3, base64 is near 0.65

_SECRET_ENDINGS = ("password", "passwd", "passphrase", "passcode", "secret", "token", "apikey")
_SECRET_WORDS = frozenset({"pass", "pwd", "psk", "cookie"})
_SECRET_KEYS = frozenset({"api", "access", "secret", "auth", "account", "master", "encryption", "session", "signing"})
_QUERY_WORDS = frozenset({"key", "sig", "signature", "auth", "sas", "code", "pw"})
_NO_SECRETS = frozenset({"PWD", "OLDPWD"})

# Programs that take a secret behind a letter: glued to it, and as the argument after it.
_GLUED = {
    "mysql": "-p", "mysqldump": "-p", "mysqladmin": "-p", "mariadb": "-p", "mariadb-dump": "-p", "mariadb-admin": "-p",
    "sshpass": "-p", "7z": "-p", "7za": "-p", "7zr": "-p", "rar": "-p", "unrar": "-p", "curl": "-u",
}  # fmt: skip
_FOLLOWING = {
    "sshpass": ("-p",), "redis-cli": ("-a",), "ldapsearch": ("-w",), "ldapmodify": ("-w",), "ldapadd": ("-w",),
    "mosquitto_pub": ("-P",), "mosquitto_sub": ("-P",), "curl": ("-u", "--user", "-U", "--proxy-user"),
    "smbclient": ("-U",), "rpcclient": ("-U",), "docker login": ("-p",), "podman login": ("-p",),
}  # fmt: skip

_Scrub = Callable[[str], str]

_WORD = re.compile(r"""(?:"[^"]*"|'[^']*'|[^\s"']|["'])++""")
_SEGMENTS = re.compile(r"[-_.]+|(?<=[a-z0-9])(?=[A-Z])")
_OPTION = re.compile(r"(-{0,2}([\w.-]++)=)(.+)", re.DOTALL)
_ASSIGNMENT = re.compile(r"""(?<![\w.-])([\w.-]++)["']?\s{0,4}[=:]\s{0,4}(["']?)""")
_AUTHORIZATION = re.compile(
    r"""(authorization["']?\s{0,4}[:=]\s{0,4}["']?(?:(?:bearer|basic|digest|token|negotiate)\s{1,4})?)([^"'\r\n]+)""",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(\bbearer\s{1,4})([^\s\"']+)", re.IGNORECASE)
_ADDRESS = re.compile(r"(?<=://)\S++")
_PORT = re.compile(r"\d{1,5}(?:[/?#]|$)")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY")
_KNOWN_SHAPES = re.compile(
    r"""(?<![\w-])eyJ[\w-]{8,}+(?:\.[\w-]*+){1,4}       # JSON web token
      | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b                    # AWS
      | \bgh[pousr]_[A-Za-z0-9]{16,}+ | \bgithub_pat_\w{16,}+ | \bglpat-[\w-]{16,}+
      | \bxox[abeprs]-[\w-]{10,}+ | \bsk-[\w-]{20,}+ | \bAIza[\w-]{30,}+ | \bnpm_[A-Za-z0-9]{30,}+""",
    re.VERBOSE,
)
_RUN = re.compile(r"[A-Za-z0-9+/_-]{24,}+={0,2}")
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]{32,}+")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def redact(command: Sequence[str]) -> tuple[str, ...]:
    """The arguments without their secrets, each at most 512 characters and 64 of them at most, with "…" where cut.

    Names of options, variables and headers stay. Redacting twice changes nothing more.
    """
    shown = list(command)
    if len(shown) > MAX_ARGUMENTS:
        shown = [*shown[: MAX_ARGUMENTS - 1], MORE]
    for _ in range(_PASSES):
        before, shown = shown, [_shorten(argument) for argument in _arguments(shown, _argument)]
        if shown == before:
            break
    return tuple(shown)


def _shorten(argument: str) -> str:
    if len(argument) <= MAX_CHARACTERS:
        return argument
    # The cut may have gone through a mark or made a new end of a word: it has to stand on its own.
    return _argument(argument[:_KEPT] + MORE)[:MAX_CHARACTERS]


def _arguments(words: Iterable[str], scrub: _Scrub) -> list[str]:
    """Scrub one word after the other, minding those that make a secret of the next."""
    shown: list[str] = []
    program = ""
    awaited = False
    for word in words:
        if awaited and word != MORE:
            shown.append(REDACTED)
            awaited = False
            continue
        program = _program(program, word)
        unglued = _unglued(program, word)
        awaited = unglued is None and _announces(program, word)
        shown.append(unglued or scrub(word))
    return shown


def _program(current: str, word: str) -> str:
    base = word.strip("\"'").rpartition("/")[2]
    if base == "login" and current in {"docker", "podman"}:
        return f"{current} login"
    return base if base in _GLUED or base in _FOLLOWING or base in {"docker", "podman"} else current


def _announces(program: str, word: str) -> bool:
    """Whether the next word is a secret."""
    if word in _FOLLOWING.get(program, ()) or word.lower() == "bearer":
        return True
    name = word.lstrip("-")
    return word.startswith("-") and word != "-pass" and _is_secret(name)


def _unglued(program: str, word: str) -> str | None:
    flag = _GLUED.get(program)
    if flag is None or not word.startswith(flag) or word == flag:
        return None
    return flag + REDACTED


def _argument(argument: str) -> str:
    """One argument, which may itself be a command line (``sh -c "..."``)."""
    # Headers first, which hold spaces; a word alone must not be taken for a header that was dealt with.
    text = _AUTHORIZATION.sub(rf"\1{REDACTED}", argument)
    text = _text(_BEARER.sub(rf"\1{REDACTED}", text))
    if not any(character.isspace() for character in text):
        return text
    words = list(_WORD.finditer(text))
    pieces = []
    end = 0
    for word, shown in zip(words, _arguments([word[0] for word in words], _text), strict=True):
        pieces += [text[end : word.start()], shown]
        end = word.end()
    return "".join(pieces) + text[end:]


def _text(text: str) -> str:
    if _PRIVATE_KEY.search(text):
        return REDACTED
    option = _OPTION.fullmatch(text)
    if option and _is_secret(option[2]):
        return option[1] + REDACTED
    text = _ADDRESS.sub(_userinfo, text)
    text = _assignments(text)
    text = _KNOWN_SHAPES.sub(REDACTED, text)
    return _RUN.sub(_random_run, text)


def _userinfo(address: re.Match[str]) -> str:
    """What follows ``://``, without a password: up to the last @, since careless ones hold @ and / themselves."""
    userinfo, at, host = address[0].rpartition("@")
    user, colon, password = userinfo.partition(":")
    if colon and "/" not in user and not _PORT.match(password):
        return f"{user}:{REDACTED}@{host}"
    if not colon and len(user) >= 20 and "/" not in user:
        return f"{REDACTED}@{host}"
    return userinfo + at + host


def _assignments(text: str) -> str:
    """Replace the value behind every name that tells of a secret, wherever in the text it stands."""
    pieces = []
    end = 0
    for found in _ASSIGNMENT.finditer(text):
        before = text[found.start() - 1] if found.start() else " "
        if found.start() < end or not (_is_secret(found[1]) or (before in "?&" and _in_query(found[1]))):
            continue
        value = re.compile(_value(before, found[2])).match(text, found.end())
        if value is None or not value[0]:
            continue
        pieces += [text[end : found.end()], REDACTED]
        end = value.end()
    return "".join(pieces) + text[end:]


def _value(before: str, quote: str) -> str:
    """The pattern of a value, which ends as the place of its name demands."""
    if quote:
        return f"[^{quote}]*"
    if before in "?&;":
        return r"[^\s&;#\"']*"
    if before == ",":
        return r"[^\s,\"']*"
    if before.isspace():
        return r"\S*"
    return r"[^\s,;&}\"']*"


def _is_secret(name: str) -> bool:
    """Whether a name tells of a secret: by its last word, so that ``password-store`` does not."""
    if name in _NO_SECRETS:
        return False
    words = [word.lower() for word in _SEGMENTS.split(name) if word]
    if not words:
        return False
    if words[-1] in _SECRET_WORDS or words[-1].endswith(_SECRET_ENDINGS):
        return True
    if words[-1] != "key" or len(words) == 1:
        return False
    return words[-2] in _SECRET_KEYS or name.isupper()


def _in_query(name: str) -> bool:
    words = [word.lower() for word in _SEGMENTS.split(name) if word]
    return bool(words) and words[-1] in _QUERY_WORDS


def _random_run(run: re.Match[str]) -> str:
    """The run itself, without the parts that look like nothing a person would write."""
    text = run[0]
    if _UUID.fullmatch(text):
        return text
    start = run.start()
    is_path = "/" in text and (text.startswith("/") or (start > 0 and run.string[start - 1] in "~.:="))
    if is_path:
        return "/".join(REDACTED if len(part) >= 24 and _looks_random(part) else part for part in text.split("/"))
    return REDACTED if _looks_random(text) else text


def _looks_random(text: str) -> bool:
    if any(len({character.isdigit() for character in run}) == 2 for run in _HEXADECIMAL.findall(text)):
        return True
    kinds = [_kind(character) for character in text if character.isalnum()]
    if "digit" not in kinds or len(kinds) < 16:
        return False
    changes = sum(one != other for one, other in pairwise(kinds))
    return changes / len(kinds) >= _RANDOM_CHANGES


def _kind(character: str) -> str:
    if character.isdigit():
        return "digit"
    return "upper" if character.isupper() else "lower"
