"""Who is alive, who should own what and what is offered where; never state. `base` is the contract."""
