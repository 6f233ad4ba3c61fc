"""Fault tests: processes are killed, connections cut, many act at once.

They need real commits, so they run outside of Odoo's test cases: in a process of
their own (:mod:`dev.faults.__main__`), on a throw-away copy of the addon template.
That process loads Odoo once and then forks: a child that is killed with SIGKILL
leaves the database as a crashed server would.

Each test keeps a journal of what it asked for and compares it with what the database
holds in the end. No test has a time limit; each prints its figures in one line.
``script/test`` does a tenth of the rounds, ``script/test --full`` all of them.
"""
