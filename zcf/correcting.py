"""`zcf correct`: its entries are drafted where the API drafts them."""

from analytics.drafting import Draft, WrongEntryError

__all__ = ["Draft", "WrongEntryError"]
