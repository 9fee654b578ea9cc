#!/bin/sh
# A right answer, for people: run it in the root of the repository.
set -eu
python3 - <<'PY'
from pathlib import Path

path = Path("stockroom/stock.py")
text = path.read_text()
before, _ = text.split("        cost = quantity * product.lots[0].unit_cost")
path.write_text(
    before
    + """\
        if product.on_hand < quantity:
            raise NotEnoughStock(f"{sku}: {quantity} wanted, {product.on_hand} there")
        cost = 0
        missing = quantity
        while missing > 0:
            lot = product.lots[0]
            taken = min(lot.quantity, missing)
            cost += taken * lot.unit_cost
            lot.quantity -= taken
            missing -= taken
            if lot.quantity == 0:
                product.lots.pop(0)
        return cost
"""
)
PY
