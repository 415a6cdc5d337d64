"""`python -m inference_worker` runs a worker, `python -m inference_worker health` asks one. `--help` lists settings."""

import signal
import sys

from pydantic import ValidationError
from pydantic_settings import CliApp, SettingsError

from inference_worker import logs
from inference_worker.memory import settle
from inference_worker.metrics import MetricsError
from inference_worker.settings import Settings
from inference_worker.status import EngineError, Refused


def main() -> int:
    """The exit code: 0 after a stop by signal, 2 for a setting that is wrong, 1 for what else prevents a start.

    Of `health`: 0 for a worker that serves, 1 for any other.
    """
    arguments = sys.argv[1:]
    asked = arguments[:1] == ["health"]
    try:
        settings = CliApp.run(Settings, cli_args=arguments[1:] if asked else arguments)
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(["WORKER", *map(str, first["loc"])]).upper()
        return _complain(f"{name}: {first['msg'].removeprefix('Value error, ')} (given: {first['input']!r:.100})", 2)
    except SettingsError as error:
        return _complain(str(error), 2)
    if asked:
        return _ask(settings)
    try:
        _run(settings)
    except Refused as refused:
        return _complain(f"WORKER_ENGINE_OPTIONS: {refused}", 2)
    except (EngineError, MetricsError, OSError) as error:
        return _complain(str(error), 1)
    return 0


def _run(settings: Settings) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # an interrupt during the second of imports needs no traceback
    import uvloop  # noqa: PLC0415

    from inference_worker.server import serve  # noqa: PLC0415

    logs.configure(settings.log_format)
    settle()
    uvloop.run(serve(settings))


def _ask(settings: Settings) -> int:
    from inference_worker.health import ask  # noqa: PLC0415

    complaint = ask(settings.host, settings.port, settings.tls)
    return _complain(complaint, 1) if complaint else 0


def _complain(message: str, code: int) -> int:
    print(f"inference_worker: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
