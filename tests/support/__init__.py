"""What several tests need: real processes, a strict reader of SSE, and a client that notes when things arrive."""
