"""Reports of studies: each by itself, or several together.

``study`` reports one study, ``comparison`` tests which contender finds better networks, ``page``
writes both as an HTML file, and ``notebook`` draws the same charts in a notebook.
"""
