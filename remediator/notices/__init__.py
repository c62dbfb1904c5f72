"""News put into words: templates by language and audience, with everything from outside made inert."""
