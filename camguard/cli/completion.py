"""``camguard completion``."""

from __future__ import annotations

import click

_PLACES = {
    "bash": "~/.local/share/bash-completion/completions/camguard",
    "zsh": "~/.zfunc/_camguard (with fpath+=~/.zfunc before compinit)",
    "fish": "~/.config/fish/completions/camguard.fish",
}


@click.command(
    epilog="\b\nWhere the script goes:\n"
    + "\n".join(f"  {shell:5} {place}" for shell, place in _PLACES.items())
    + "\n\n\b\nExamples:\n"
    + "  camguard completion bash > ~/.local/share/bash-completion/completions/camguard\n"
    + "  source <(camguard completion bash)    in this terminal alone"
)
@click.argument("shell", type=click.Choice(list(_PLACES)))
def command(shell: str) -> None:
    """Print a script that makes SHELL complete camguard's commands and options."""
    from click.shell_completion import get_completion_class

    root = click.get_current_context().find_root()
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"this version of click knows no completion for {shell}")
    click.echo(kind(root.command, {}, "camguard", "_CAMGUARD_COMPLETE").source())
