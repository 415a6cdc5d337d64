"""`make up` and `make down`: the services of docker-compose.yml on this machine.

python scripts/run_cluster.py up [arguments of compose up]    build, start, and wait until a stream works through nginx
python scripts/run_cluster.py down                            stop, and leave no container, network, volume or image

Other compose files, another project's name and all variables of docker-compose.yml are taken from the environment, and
a key to try it with from TOKEN_RELAY_KEY.
"""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATH = "/api/v1/ai/generate"
START_LIMIT_S = 120.0  # loading a large model takes a while
POLL_S = 0.5
IN_A_ROW = 8  # streams that must come one after the other: nginx takes turns, so that each edge has had some


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0, or 1 with a line that says what is wrong."""
    try:
        compose = _compose()
        if arguments[:1] == ["up"]:
            up(compose, arguments[1:])
        else:
            subprocess.run([*compose, "down", "--volumes", "--remove-orphans", "--rmi", "local"], cwd=ROOT, check=True)
    except subprocess.CalledProcessError as error:
        return error.returncode or 1  # it has said why
    except (OSError, TimeoutError) as error:
        print(f"run_cluster: {error}", file=sys.stderr)
        return 1
    return 0


def up(compose: Sequence[str], arguments: Sequence[str]) -> None:
    """Build, start, wait, and say where.

    Raises:
        CalledProcessError: Compose has failed.
        TimeoutError: No stream came through in time.
    """
    begin = time.monotonic()
    subprocess.run([*compose, "up", "--build", "--detach", "--remove-orphans", *arguments], cwd=ROOT, check=True)
    # Edges that were made anew have other addresses. An nginx that has only just begun knows them, and may refuse.
    reload = [*compose, "exec", "-T", "nginx", "nginx", "-s", "reload"]
    subprocess.run(reload, cwd=ROOT, check=False, stderr=subprocess.DEVNULL)
    try:
        host = _wait_for_a_stream([*compose, "port", "nginx", "8080"])
    except TimeoutError:
        for ask in (["ps"], ["logs", "--tail=20", "nginx", "edge_proxy", "inference_worker"]):  # which say why
            subprocess.run([*compose, *ask], cwd=ROOT, check=False)
        raise
    print(f"\nToken Relay streams at http://{host}, {time.monotonic() - begin:.0f} s from the start. Try:\n")
    body = '{"prompt":"Tell me a story about an owl."}'
    print(f"  curl -N -X POST http://{host}{PATH} -H 'content-type: application/json' -d '{body}'\n")
    print("make down stops it, and leaves nothing.", flush=True)


def _compose() -> list[str]:
    """The command that this machine has.

    Raises:
        FileNotFoundError: It has none.
    """
    for command in (["docker", "compose"], ["docker-compose"]):
        try:
            subprocess.run([*command, "version"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return command
    raise FileNotFoundError("neither docker compose nor docker-compose can be run")


def _wait_for_a_stream(ask_port: Sequence[str]) -> str:
    """The host and port at which one came."""
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        answer = subprocess.run(ask_port, cwd=ROOT, check=False, capture_output=True, text=True)
        host = answer.stdout.strip().replace("0.0.0.0", "localhost")  # noqa: S104 - only compared
        complaint = _streams(host) if host.rpartition(":")[2] not in ("", "0") else "nginx does not listen"
        if not complaint:
            return host
        if time.monotonic() > deadline:
            raise TimeoutError(f"no stream came through within {START_LIMIT_S:g} s: {complaint}")
        time.sleep(POLL_S)


def _streams(host: str) -> str:
    """What is wrong with the first of some streams with which something is; nothing: all came."""
    return next((complaint for _ in range(IN_A_ROW) if (complaint := _stream(host))), "")


def _stream(host: str) -> str:
    """What is wrong with a short stream from there; nothing: it came, with its end."""
    body = json.dumps({"prompt": "Hello!", "max_tokens": 8})
    key = {"Authorization": f"Bearer {os.environ['TOKEN_RELAY_KEY']}"} if os.environ.get("TOKEN_RELAY_KEY") else {}
    with closing(http.client.HTTPConnection(host, timeout=30)) as connection:
        try:
            connection.request("POST", PATH, body, {"Content-Type": "application/json"} | key)
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            return repr(error)
    if response.status != 200 or '"isFinal":true' not in text:
        return f"status {response.status}, {text[:300]!r}"
    return ""


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
