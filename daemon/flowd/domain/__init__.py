"""Pure rules of Flow: no input or output, no clock, no trio, no SQLite."""
