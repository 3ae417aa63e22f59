"""A second verifier of Manes ledgers, written from FORMAT.md alone.

It is for everybody who does not want to believe the host's own verifier. Invariant: nothing here writes, nothing here is
shared with the host, and nothing but the standard library of Python 3.9 or newer is needed.
"""
