"""What another program tells may hold the secret it was given: it is taken out before anybody reads it."""

MASK = "***"


def masked(text: str, *secrets: str) -> str:
    """The text without any of the secrets; an empty one is none."""
    for secret in secrets:
        text = text.replace(secret, MASK) if secret else text
    return text
