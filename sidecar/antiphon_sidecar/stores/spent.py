"""What is left of a run that is deleted soon after it began: its start's message ID, for a while.

A start whose answer was lost is sent again under its message ID, and the first copy may still be on its way: it could
reach the store when the run has begun, ended and been deleted, and begin it once more (protocol.md 2 and 11). So a
store takes a client's start only for `START_WITHIN_NS` after it was made, and whatever deletes a run that is younger
than `REMEMBERED_NS` leaves a row with the message ID in the inbox, where no second row can have it. The row belongs to
no instance: its instance ID is empty. It is no message: whoever consumes, discards, defers or drops a message of this
ID, of which it was told or which it read when it was there, passes over it, or a late hint would begin the run again.
It becomes due when no copy can come any more; the sweep then drops it, as it drops all rows whose run is gone.
"""

_S = 1_000_000_000
#: How long after it was made a client's start may reach the store; in nanoseconds of the store's clock.
START_WITHIN_NS = 30 * _S
#: How long after its creation a deleted run is remembered: as long as a start may take to reach the store and to be
#: carried out there (statements have a time limit), and some for clocks that are off.
REMEMBERED_NS = 120 * _S
#: The instance ID of such a row; no instance has it.
NOBODY = ""
