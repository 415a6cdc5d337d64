"""llama.cpp's own HTTP server, from the library that the worker's image has: an OpenAI-compatible service to try.

LLAMA_HOST, LLAMA_PORT (0 takes a free one) and LLAMA_MODEL say where and what; it prints its address and serves until
it is ended.
"""

import os
import signal
import socket
import sys

import xllamacpp

MODEL = "inference_worker/models/tiny.gguf"
SLOTS = 4
CONTEXT_TOKENS = 512


def main() -> None:
    """Serve."""
    host = os.environ.get("LLAMA_HOST", "127.0.0.1")
    with socket.create_server((host, int(os.environ.get("LLAMA_PORT", "0")))) as free:
        port = free.getsockname()[1]
    params = xllamacpp.CommonParams()
    params.model.path = os.environ.get("LLAMA_MODEL", MODEL)
    params.model_alias = {"llama"}
    params.n_parallel = SLOTS
    params.n_ctx = SLOTS * CONTEXT_TOKENS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.verbosity = -1
    params.hostnames = [host]
    params.port = port
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})  # for all its threads: we wait for them
    server = xllamacpp.Server(params)
    sys.stdout.write(f"llama.cpp serves {host}:{port}\n")
    sys.stdout.flush()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    del server


if __name__ == "__main__":
    main()
