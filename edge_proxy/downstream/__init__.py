"""Towards the clients: the only part of the edge, with `app`, that knows HTTP."""
