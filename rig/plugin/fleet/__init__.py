"""Several benches at one batch: pytest-xdist carries it, one worker a bench, one unit at a time.

The controller owns the batch's record; a worker owns its bench and writes its units' runs into the same folder.
"""
