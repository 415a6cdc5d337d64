"""`python -m edge_proxy serve` runs an edge; `chat`, `models`, `check`, `health` ask one; `keys` makes API keys."""

import sys
from collections.abc import Callable

from pydantic import ValidationError
from pydantic_settings import CliApp, SettingsError

from edge_proxy import logs
from edge_proxy.access.keys_command import run_keys
from edge_proxy.client.commands import COMMANDS
from edge_proxy.conversations.patience import Unusable
from edge_proxy.health import ask
from edge_proxy.metrics import MetricsError
from edge_proxy.process import run
from edge_proxy.processes import Family
from edge_proxy.settings import Settings

USAGE = """usage: python -m edge_proxy serve [settings]      run an edge
       python -m edge_proxy keys new NAME        make an API key, and the line that it is stored by
       python -m edge_proxy chat [prompt]        show an answer as it comes; without a prompt, a conversation
       python -m edge_proxy models               list the models that an edge serves
       python -m edge_proxy check [URL]          see whether something on the way to an edge buffers its streams
       python -m edge_proxy health [settings]    exit with 0 if the edge of these settings answers
Each takes --help."""

SECRET = {"EDGE_DATABASE_URL", "EDGE_REDIS_URL"}  # may have a password


def main() -> int:
    """The exit code: 0 after a stop by signal, 2 for a setting that is wrong, 1 for what else prevents a start.

    Of the commands that ask an edge: 0 when it is as it should be, else 1.
    """
    command, *rest = sys.argv[1:] or [""]
    if command in ("serve", "health"):
        return _with_settings(_serve if command == "serve" else _ask, rest)
    if command == "keys":
        return run_keys(rest)
    if command in COMMANDS:
        return COMMANDS[command](rest)
    print(USAGE, file=sys.stdout if command in ("-h", "--help") else sys.stderr)
    return 0 if command in ("-h", "--help") else 2


def _with_settings(do: Callable[[Settings], int], arguments: list[str]) -> int:
    try:
        settings = CliApp.run(Settings, cli_args=arguments)
    except ValidationError as error:
        return _complain(_said(error), 2)
    except SettingsError as error:
        return _complain(str(error), 2)
    return do(settings)


def _serve(settings: Settings) -> int:
    try:
        _run(settings)
    except MetricsError as error:
        return _complain(str(error), 1)
    except Unusable as error:
        return _complain(f"EDGE_DATABASE_URL: {error}", 1)
    except OSError as error:
        return _complain(f"{settings.host}:{settings.port} can not be listened on: {error}", 1)
    return 0


def _ask(settings: Settings) -> int:
    complaint = ask(settings.host, settings.port, secure=settings.tls_cert is not None)
    return _complain(complaint, 1) if complaint else 0


def _said(error: ValidationError) -> str:
    """What is wrong first, and what was given; but not where that is all settings, keys among them."""
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return message
    name = "_".join(["EDGE", *map(str, first["loc"])]).upper()
    return f"{name}: {message}" if name in SECRET else f"{name}: {message} (given: {first['input']!r:.100})"


def _run(settings: Settings) -> None:
    if settings.processes > 1:
        logs.configure(settings.log_format)
        Family(settings, run).serve()
    else:
        run(settings)


def _complain(message: str, code: int) -> int:
    print(f"edge_proxy: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
