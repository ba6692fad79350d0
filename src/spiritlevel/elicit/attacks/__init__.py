"""Single-turn attacks: one file each, prose in Markdown; `wrap(goal, seed) -> the text that is sent`.

The plain request is always asked too: an attack's worth is what it adds.
"""
