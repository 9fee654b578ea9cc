"""What is on the shelves, and what it cost."""

from dataclasses import dataclass, field
from datetime import date


class NotEnoughStock(Exception):
    """Somebody asked for more than there is."""


@dataclass
class Lot:
    """What is left of one delivery of one product."""

    received: date
    quantity: int
    unit_cost: int  # cents


@dataclass
class Product:
    sku: str
    name: str
    lots: list[Lot] = field(default_factory=list)  # oldest first

    @property
    def on_hand(self) -> int:
        return sum(lot.quantity for lot in self.lots)

    @property
    def value(self) -> int:
        """What the stock on hand was bought for, in cents."""
        return sum(lot.quantity * lot.unit_cost for lot in self.lots)


class Stock:
    """All products by their SKU. Deliveries go out in the order in which they came in (FIFO)."""

    def __init__(self) -> None:
        self._products: dict[str, Product] = {}

    def __iter__(self):
        return iter(sorted(self._products.values(), key=lambda product: product.sku))

    def __getitem__(self, sku: str) -> Product:
        return self._products[sku]

    def __contains__(self, sku: str) -> bool:
        return sku in self._products

    def receive(self, sku: str, name: str, quantity: int, unit_cost: int, received: date) -> None:
        """Puts a delivery on the shelf. A product keeps the name of its latest delivery."""
        if quantity <= 0:
            raise ValueError(f"a delivery needs a quantity above zero, not {quantity}")
        product = self._products.setdefault(sku, Product(sku, name))
        product.name = name
        product.lots.append(Lot(received, quantity, unit_cost))
        product.lots.sort(key=lambda lot: lot.received)

    def ship(self, sku: str, quantity: int) -> int:
        """Takes goods off the shelf, oldest first; returns what they were bought for, in cents.

        Raises KeyError for an unknown product and NotEnoughStock where there is too little.
        """
        if quantity <= 0:
            raise ValueError(f"a shipment needs a quantity above zero, not {quantity}")
        product = self._products[sku]
        cost = quantity * product.lots[0].unit_cost if product.lots else 0
        missing = quantity
        while missing > 0:
            if not product.lots:
                raise NotEnoughStock(f"{sku}: {quantity} wanted, {quantity - missing} there")
            lot = product.lots[0]
            taken = min(lot.quantity, missing)
            lot.quantity -= taken
            missing -= taken
            if lot.quantity == 0:
                product.lots.pop(0)
        return cost
