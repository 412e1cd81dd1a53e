"""Export: a frozen version as a bundle of files that score without Quintile, and how they compare with it."""
