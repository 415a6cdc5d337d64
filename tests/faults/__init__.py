"""What must survive, with real processes: one test for each fault."""
