"""What a stream is, without I/O and without a clock: events, errors, pacing, SSE, timers."""
