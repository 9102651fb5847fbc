"""What a book costs that comes back late."""

FREE_DAYS = 3
CENTS_A_DAY = 10


def fine(days_late: int) -> int:
    """In cents: so much for each day behind the free ones."""
    total = 0
    for day in range(days_late):
        if day > FREE_DAYS:
            total += CENTS_A_DAY
    return total
