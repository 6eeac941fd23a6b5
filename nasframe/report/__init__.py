"""What studies say: each by itself, or several together.

``study`` reads one, ``comparison`` tells which contender finds better networks and how sure that
is, ``page`` writes both as an HTML file; ``notebook`` has the same charts for a notebook.
"""
