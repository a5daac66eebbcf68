"""The page of what is held on one person, to be read, printed and handed out: one file, no script.

`page` composes it of an export, with the template and style in `page/`.
"""
