"""An app that has activities only."""

from effects import ledger
from work import ACTIVITIES

from antiphon import Worker

print("ready")
Worker(activities=ACTIVITIES, on_settled=ledger.settled, max_concurrent_activities=400).run_sync()
