"""Runs inside a converted environment: a real solve by libmambapy 1.5 over one repodata.json.

usage: solve_with_libmambapy.py REPODATA SPEC; prints what would be installed, one name a line.
"""

import sys

import libmambapy

repodata, spec = sys.argv[1:]
assert libmambapy.MatchSpec("numpy >=1.2,<2").conda_build_form() == "numpy >=1.2,<2"
context = libmambapy.Context()
pool = libmambapy.Pool()
repo = libmambapy.Repo(pool, "small", repodata, "file:///channel/linux-64")
repo.set_priority(0, 0)
solver = libmambapy.Solver(pool, [(libmambapy.SOLVER_FLAG_ALLOW_DOWNGRADE, 1)])
solver.add_jobs([spec], libmambapy.SOLVER_INSTALL)
assert solver.solve(), solver.explain_problems()
transaction = libmambapy.Transaction(pool, solver, libmambapy.MultiPackageCache(["/nonexistent"]))
_, to_link, _ = transaction.to_conda()
for _channel, filename, _record in to_link:
    print(filename)
