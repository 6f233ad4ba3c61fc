"""``script/lint``: the linters and formatters, pinned, and two checks of our own."""
