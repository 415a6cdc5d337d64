"""Staged answers: several turns of one model, or of one model and a sandbox, told as one generation.

plans      which steps an answer is made of: pure, a generator for each pipeline
replay     where an answer stands that another worker began
performance  the steps carried out, into the same log that any answer has
staged     an engine that does so for requests that name a pipeline
sandbox    runs generated Python, apart from everything
"""
