"""`paintjob chaos`: a whole deployment under seeded faults, and the check that nothing was lost.

Real programs, real jobs over HTTP, real signals. Knows everything below it; nothing imports it but
the command line and the tests.
"""
