"""The servers that are measured, one file each; line_up.py has the table."""
