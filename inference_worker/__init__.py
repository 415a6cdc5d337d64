r"""Runs a model and streams its tokens over gRPC.

engine -> text stage -> generation log -> exchange == one gRPC call ==> an edge
                                       \-> plain call ================> any other service
"""
