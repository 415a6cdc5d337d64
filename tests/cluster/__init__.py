"""The cluster of docker-compose.yml, on a docker daemon of its own. `make test-cluster`; it takes some minutes."""
