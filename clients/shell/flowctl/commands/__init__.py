"""One file for each subject; a command is a function `(arguments, console) -> exit code`."""
