"""Why two results differ: every stage of one swapped for the other's, replayed, and the gap shared among them."""
