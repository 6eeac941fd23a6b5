"""What studies say: each by itself, or several together.

One study: ``inspection`` reads it and computes its front (``nasframe.goals``, ``nasframe.pareto``),
``rescoring`` ranks it under another objective; ``findings`` hold the
figures, ``listing``, ``markdown`` and ``scatter`` show them, and ``single`` is the command. The
page is made by ``page`` of ``record``, ``charts`` and ``drawn``; ``watching`` writes it while a
study runs.

Several together: which controller finds better networks, and how sure is that? A *contender* is
all studies of one configuration, which differ in their seeds alone. ``studies`` reads,
``contenders`` groups, ``names`` names, ``curves``, ``budget`` and ``statistics`` compute,
``comparison`` puts the ``figures`` together, ``words``, ``tables`` and ``chart`` show them, and
``policies`` asks controllers that learn for their own choice. ``plots`` are charts for a notebook.
"""
