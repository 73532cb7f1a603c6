"""What answers each method: `handle_…(params, context) -> result`, one file per subject."""
