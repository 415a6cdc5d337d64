"""The contract between worker and edge: `inference.proto` and the stubs made from it by `make stubs`."""
