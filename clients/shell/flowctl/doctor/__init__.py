"""What `flowctl doctor` looks at."""
