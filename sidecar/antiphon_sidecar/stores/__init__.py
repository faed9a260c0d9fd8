"""Where instances, histories, inboxes, tasks and timers live: `base` is the contract of all stores."""
