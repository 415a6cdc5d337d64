"""The edge's own command line: reads streams as any other client does, over HTTP."""
