"""Rendezvous hashing: each key has its own order of candidates, the same wherever it is asked for.

When a candidate goes away, only its own keys go elsewhere; when one is added, it takes a few of each.
"""

from hashlib import blake2b


def rank(key: str, candidate: str) -> bytes:
    """Where a candidate stands in the key's order; the lowest is the first."""
    return blake2b(f"{key} {candidate}".encode(), digest_size=8).digest()
