"""Other benchmarks on PostgreSQL: ``python -m benchmarks.postgres window waiting``.

Starts a server of its own from the system's packages, in a temporary folder and with real syncs. One that
runs already serves as well: ``BENCHMARK_STORE=postgresql://... python -m benchmarks.window``, each time with
an empty database.
"""

from __future__ import annotations

import importlib
import os
import sys

from tests.postgresql import PostgresServer, find_programs


def main() -> None:
    programs = find_programs()
    if programs is None:
        raise SystemExit("PostgreSQL's server is not installed")
    with PostgresServer(programs, fsync="on", shared_buffers="128MB") as server:
        for name in sys.argv[1:] or ["window", "waiting"]:
            os.environ["BENCHMARK_STORE"] = server.url(schema=server.new_schema())
            module = importlib.import_module(f"benchmarks.{name}")
            sys.argv[1:] = []
            module.main()


if __name__ == "__main__":
    main()
