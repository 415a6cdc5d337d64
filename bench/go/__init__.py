"""What is written in Go: a worker that is never the bottleneck, and grpc-gateway in front of it."""
