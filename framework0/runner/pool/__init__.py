"""Warm processes for Python steps: started once, used for one step after another.

Where its processes stand (see also :mod:`framework0.runner.processes`):

    runner         ``pool``: one thread that hands out jobs and hears what becomes of them
    └─ keeper      forks the supervisors
       └─ supervisor   one for each worker; ends the worker's whole tree when it must
          └─ worker    imports the user's code once, performs one job at a time

In reading order: ``parcel`` and ``moving`` (values of any size and kind between processes), ``wire``
(what is said between runner and worker), ``worker`` with ``surroundings`` and ``usage`` (the far
side), ``member`` with ``output`` (one worker as the runner sees it), ``pool`` (which job goes where).

Nothing is imported here: the keeper must stay small.
"""
