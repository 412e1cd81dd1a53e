"""Living: the part of a report in which its reader moves costs, clock, legs and names, and the ledger answers."""
