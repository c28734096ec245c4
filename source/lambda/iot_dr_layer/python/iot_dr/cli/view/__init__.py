"""How commands show what they do and find, in a terminal and to a program."""
