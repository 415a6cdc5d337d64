"""The worker's tests: one module for each of its own."""
