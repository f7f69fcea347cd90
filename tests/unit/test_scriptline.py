"""Which script a command line runs: the very one, or none where that is not sure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camguard.platform.linux.knowledge import knowledge
from camguard.platform.linux.scriptline import script_of

INTERPRETERS = sorted(name for entry in knowledge().interpreter for name in entry.names)

RUNS = [
    ("python3 viewer.py --token -c", "viewer.py"),
    ("python3.11 -Iu -W error -Xutf8 viewer.py", "viewer.py"),
    ("python3 -Wdefault viewer.py", "viewer.py"),
    ("pypy3 -- viewer.py", "viewer.py"),
    ("python3 -m http.server 80", "-m http.server"),
    ("python3 -Im viewer", "-m viewer"),
    ("python3 -mviewer", "-m viewer"),
    ("bash -eo pipefail cam.sh", "cam.sh"),
    ("dash +x cam.sh", "cam.sh"),
    ("sh -e cam.sh -c", "cam.sh"),
    ("zsh --norc cam.zsh", "cam.zsh"),
    ("ksh cam.sh", "cam.sh"),
    ("mksh cam.sh", "cam.sh"),
    ("fish --no-config cam.fish", "cam.fish"),
    ("node --no-warnings -C development app.js --eval x", "app.js"),
    ("nodejs app.js", "app.js"),
    ("deno run -A --allow-net=example.org cam.ts", "cam.ts"),
    ("deno cam.ts eval", "cam.ts"),
    ("bun run cam.ts", "cam.ts"),
    ("bun --hot cam.ts", "cam.ts"),
    ("perl -w -T cam.pl", "cam.pl"),
    ("perl -i.bak cam.pl", "cam.pl"),
    ("ruby -W0 -E utf-8 cam.rb", "cam.rb"),
    ("ruby3.1 --disable gems cam.rb", "cam.rb"),
    ("lua5.4 -E cam.lua", "cam.lua"),
    ("luajit -O3 cam.lua", "cam.lua"),
    ("gjs -m cam.js", "cam.js"),
    ("gjs-console cam.js", "cam.js"),
    ("php -q cam.php", "cam.php"),
    ("java -Xmx1g -cp a.jar -jar cam.jar -jar b.jar", "cam.jar"),
    ("java --add-modules x Cam.java", "Cam.java"),
]

RUNS_NONE = [
    "python3",
    "python3 -",
    "python3 -c viewer.py",
    "python3 -Ic viewer.py",
    "python3 -m",
    "python3 --unheard-of viewer.py",
    "bash -s cam.sh",
    "bash -lc cam.sh",
    "bash --rcfile evil.sh cam.sh",
    "fish -C evil cam.fish",
    "node -e evil app.js",
    "node -pe evil app.js",
    "node --eval=evil app.js",
    "node -r ./evil.js app.js",
    "node --import=./evil.js app.js",
    "node --unheard-of evil.js app.js",
    "node -- --app.js",
    "deno eval cam.ts",
    "deno run --preload evil.ts cam.ts",
    "deno run --config evil.json cam.ts",
    "bun x cam.ts",
    "bun --preload ./evil.ts cam.ts",
    "bun --cwd /tmp cam.ts",
    "perl -e evil cam.pl",
    "perl -Mevil cam.pl",
    "perl -I/tmp cam.pl",
    "perl -d:evil cam.pl",
    "ruby -e evil cam.rb",
    "ruby -r./evil cam.rb",
    "ruby -C /tmp cam.rb",
    "lua -l evil cam.lua",
    "gjs -c evil cam.js",
    "gjs -I /tmp cam.js",
    "php -r evil cam.php",
    "php -d auto_prepend_file=evil cam.php",
    "java Cam",
    "java -cp evil.jar Cam",
    "java -jar",
    "java -javaagent:evil.jar -jar cam.jar",
    "java -m module/cam.Cam",
    "java @evil -jar cam.jar",
]


def script(line: str) -> str | None:
    exe, *arguments = line.split()
    how = knowledge().interpreter_of(f"/usr/bin/{exe}")
    assert how is not None
    return script_of(how, arguments)


@pytest.mark.parametrize(("line", "expected"), RUNS)
def test_the_script_is_the_app(line: str, expected: str) -> None:
    assert script(line) == expected


@pytest.mark.parametrize("line", RUNS_NONE)
def test_where_other_code_may_run_no_script_is_named(line: str) -> None:
    assert script(line) is None


def test_every_interpreter_is_tried() -> None:
    tried = {line.split()[0].rstrip("0123456789.") for line, _ in RUNS}
    assert tried == set(INTERPRETERS)


@given(
    st.sampled_from(INTERPRETERS),
    st.lists(st.sampled_from(["-", "--", "-c", "-m", "-x", "+e", "--a=b", "--a", "run", "-jar", ""]) | st.text()),
)
def test_whatever_stands_there_the_script_is_one_of_the_words(exe: str, arguments: list[str]) -> None:
    how = knowledge().interpreter_of(exe)
    assert how is not None
    found = script_of(how, arguments)
    assert found is None or found in arguments or any(word.endswith(found.removeprefix("-m ")) for word in arguments)
    assert found is None or not found.startswith("-") or found.startswith("-m ")
