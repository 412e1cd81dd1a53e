"""Model table: models × losses × seeds on null, planted and given bars, every cell a run of the store.

``contenders`` says who takes part, ``table_cells`` which runs that makes, ``table_workers`` makes those that the store
lacks, ``session_values`` measures each by session, ``two_way_errors`` bounds a mean over seeds and sessions, and
``model_comparison`` puts the rows together, which the pages show.
"""
