"""What commands mean, in words: each flag, each argument, and a sentence for the whole.

Built on what others know: `safety` reads the script and tells which program runs which, `exec`
finds what programs say of themselves. What this package adds of its own are the sentences.

    programs.yaml · programs.py    what is known of programs beyond their manuals
    words.py · options.py          the words of one command, sorted by its manual's rules
    sentences.py · wording.py      a sentence for a command; words for arguments and redirects
    calls.py · called.py           which commands a command runs; which part of a program it calls
    structure.py · reading.py      conditions and loops; a script with its commands
    explaining.py                  the above with the manuals of this machine, in bounded time
"""
