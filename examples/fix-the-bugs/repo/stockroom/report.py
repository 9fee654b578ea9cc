"""What people want to know of a stock."""

from stockroom import money, table
from stockroom.stock import Stock


def listing(stock: Stock) -> str:
    """Every product with its quantity and what it was bought for."""
    rows = [(product.sku, product.name, product.on_hand, money.render(product.value)) for product in stock]
    return table.render(["SKU", "Name", "On hand", "Value"], rows)


def low(stock: Stock, threshold: int) -> list[str]:
    """SKUs of which fewer than `threshold` are there, the scarcest first."""
    scarce = [product for product in stock if product.on_hand < threshold]
    return [product.sku for product in sorted(scarce, key=lambda product: product.on_hand)]


def total(stock: Stock) -> int:
    """What the whole stock was bought for, in cents."""
    return sum(product.value for product in stock)
