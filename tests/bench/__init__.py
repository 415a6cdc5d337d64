"""The benchmark's tests: of what it makes of its measurements, and not of those."""
