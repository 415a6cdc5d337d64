"""Towards the workers: the only part of the edge that knows gRPC and the protos."""
