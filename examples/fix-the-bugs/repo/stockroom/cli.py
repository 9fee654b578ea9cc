"""The command line."""

import argparse
import sys
from datetime import date
from pathlib import Path

from stockroom import money, report, storage
from stockroom.stock import NotEnoughStock


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    stock = storage.load(args.file)
    try:
        return args.run(stock, args)
    except KeyError as error:
        print(f"stockroom: no such product: {error.args[0]}", file=sys.stderr)
    except (NotEnoughStock, ValueError) as error:
        print(f"stockroom: {error}", file=sys.stderr)
    return 1


def _list(stock, args) -> int:
    print(report.listing(stock))
    return 0


def _receive(stock, args) -> int:
    stock.receive(args.sku, args.name, args.quantity, money.parse(args.unit_cost), args.on)
    storage.save(stock, args.file)
    return 0


def _ship(stock, args) -> int:
    cost = stock.ship(args.sku, args.quantity)
    storage.save(stock, args.file)
    print(money.render(cost))
    return 0


def _value(stock, args) -> int:
    print(money.render(report.total(stock)))
    return 0


def _low(stock, args) -> int:
    for sku in report.low(stock, args.threshold):
        print(sku)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stockroom", description="Keeps the stock of a small shop.")
    parser.add_argument("--file", type=Path, default=Path("stock.csv"), help="default: stock.csv")
    commands = parser.add_subparsers(required=True)

    command = commands.add_parser("list", help="what is there")
    command.set_defaults(run=_list)

    command = commands.add_parser("receive", help="a delivery came in")
    command.add_argument("sku")
    command.add_argument("name")
    command.add_argument("quantity", type=int)
    command.add_argument("unit_cost")
    command.add_argument("--on", type=date.fromisoformat, default=date.today(), help="default: today")
    command.set_defaults(run=_receive)

    command = commands.add_parser("ship", help="goods go out; prints what they were bought for")
    command.add_argument("sku")
    command.add_argument("quantity", type=int)
    command.set_defaults(run=_ship)

    command = commands.add_parser("value", help="what the stock was bought for")
    command.set_defaults(run=_value)

    command = commands.add_parser("low", help="what should be ordered")
    command.add_argument("threshold", type=int, nargs="?", default=10)
    command.set_defaults(run=_low)
    return parser
