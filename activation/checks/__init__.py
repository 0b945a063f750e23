"""What each tool can be asked before a row is sent: its list or audience, and its fields.

One file for each destination, of the same name, with a CHECK. A destination without a file cannot
be asked.
"""
