# ruff: noqa: ANN001, ANN201, ANN202, D103  (written as users of that SDK write)
"""The client of the benchmark for DBOS: `of_dbos.py URL SECONDS` of the database and between two polls."""

import asyncio
import sys

from dbos import DBOSClient
from lanes import serve

TEXT = "x" * 100


async def main():
    client = DBOSClient(system_database_url=sys.argv[1])

    async def run(workflow, lane):
        asked = {"queue_name": "app1", "workflow_name": workflow, "application_name": "app1"}
        handle = await client.enqueue_async(asked, TEXT)
        return await handle.get_result(polling_interval_sec=float(sys.argv[2]))

    await serve(run)


asyncio.run(main())
