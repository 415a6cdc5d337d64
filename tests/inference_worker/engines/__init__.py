"""The engines' tests: one module for each of theirs."""
