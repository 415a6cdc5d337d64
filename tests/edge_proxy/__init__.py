"""The edge's tests: one module for each of its source files, and what several of them need."""
