"""Whether a stream may start, and when it must end."""
