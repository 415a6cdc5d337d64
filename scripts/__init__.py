"""What make runs: the local pair, generated files, locks."""
