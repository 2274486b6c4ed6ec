"""A linter's manners: which rules, where to be silent, what is known already. Plain data only."""
