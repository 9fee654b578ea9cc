"""The stock as a CSV file: one line per lot."""

from datetime import date
from pathlib import Path

from stockroom import money
from stockroom.stock import Stock

COLUMNS = ["sku", "name", "received", "quantity", "unit_cost"]


def load(path: Path) -> Stock:
    """Reads a stock file; one that does not exist is an empty stock."""
    stock = Stock()
    if not path.exists():
        return stock
    with path.open(encoding="utf-8") as file:
        next(file, None)
        for line in file:
            sku, name, received, quantity, unit_cost = line.rstrip("\n").split(",")
            stock.receive(sku, name, int(quantity), money.parse(unit_cost), date.fromisoformat(received))
    return stock


def save(stock: Stock, path: Path) -> None:
    """Writes a stock file whole, so that a reader sees the old one or the new one."""
    draft = path.with_suffix(path.suffix + ".new")
    with draft.open("w", encoding="utf-8") as file:
        file.write(",".join(COLUMNS) + "\n")
        for product in stock:
            for lot in product.lots:
                fields = [
                    product.sku,
                    product.name,
                    lot.received.isoformat(),
                    str(lot.quantity),
                    money.render(lot.unit_cost),
                ]
                file.write(",".join(fields) + "\n")
    draft.replace(path)
