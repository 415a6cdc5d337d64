"""Takes the streams of many inference workers and re-emits them to HTTP clients, paced.

    exchange (upstream) -> pacer (core) -> dialect -> endpoint (downstream) -> client

`upstream` alone knows gRPC, `downstream` alone knows HTTP, `policy` says whether a stream may start, and `app` puts
them together. `core` and `dialects` do no I/O and own no clock.
"""
