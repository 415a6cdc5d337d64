"""Input that nobody has thought of: requests made from the API's document, and bytes that a fuzzer finds.

The requests are made in every run of the tests, a few of each route. `make fuzz` makes many, and has the fuzzer try
each target of `targets` and `worker_targets` for a while. What it finds becomes a test beside the part at fault.
"""
