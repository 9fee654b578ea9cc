"""Any name in the stock file: what we write, what others write, and what comes back."""

import csv
import subprocess
import sys
import tempfile
import unittest
from datetime import date
from pathlib import Path

APP = "/app"
sys.path.append(APP)

from stockroom import storage  # noqa: E402
from stockroom.stock import Stock  # noqa: E402

NAMES = [
    "Green tea",
    "Oats, rolled",
    "Oats, rolled, fine, 500 g",
    ", leading comma",
    'Tray 15"',
    '"Best" coffee',
    'Said "good, cheap", and is',
    '"',
    '""',
    "Café crème; 100 % Arabica",
    " blanks around ",
    "it's",
]
HEADINGS = ["sku", "name", "received", "quantity", "unit_cost"]
DAY = date(2026, 1, 5)


class InAFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "stock.csv"


class TheReportedCase(InAFolder):
    def stockroom(self, *args):
        command = [sys.executable, "-m", "stockroom", "--file", str(self.file), *args]
        return subprocess.run(command, cwd=APP, capture_output=True, text=True, check=False)

    def test_is_listed(self):
        self.stockroom("receive", "OAT-1", "Oats, rolled", "40", "1.20")
        result = self.stockroom("list")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("Oats, rolled", result.stdout)

    def test_can_be_shipped(self):
        self.stockroom("receive", "OAT-1", "Oats, rolled", "40", "1.20")
        result = self.stockroom("ship", "OAT-1", "10")
        self.assertEqual((result.returncode, result.stdout.strip()), (0, "12.00"), result.stderr)
        self.assertEqual(self.stockroom("value").stdout.strip(), "36.00")


class EveryName(InAFolder):
    def test_comes_back(self):
        for name in NAMES:
            with self.subTest(name):
                stock = Stock()
                stock.receive("X-1", name, 3, 150, DAY)
                storage.save(stock, self.file)
                self.assertEqual(storage.load(self.file)["X-1"].name, name)

    def test_comes_back_beside_all_others(self):
        stock = Stock()
        for number, name in enumerate(NAMES):
            stock.receive(f"X-{number}", name, number + 1, 150, DAY)
        storage.save(stock, self.file)
        again = storage.load(self.file)
        for number, name in enumerate(NAMES):
            self.assertEqual((again[f"X-{number}"].name, again[f"X-{number}"].on_hand), (name, number + 1))


class WhatWeWrite(InAFolder):
    """As a spreadsheet program reads it."""

    def test_has_five_columns_whatever_the_name(self):
        for name in NAMES:
            with self.subTest(name):
                stock = Stock()
                stock.receive("X-1", name, 3, 150, DAY)
                storage.save(stock, self.file)
                with self.file.open(encoding="utf-8", newline="") as file:
                    rows = list(csv.reader(file))
                self.assertEqual(rows, [HEADINGS, ["X-1", name, "2026-01-05", "3", "1.50"]])


class WhatSpreadsheetsWrite(InAFolder):
    def read(self, quoting, line_end):
        with self.file.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, quoting=quoting, lineterminator=line_end)
            writer.writerow(HEADINGS)
            for number, name in enumerate(NAMES):
                writer.writerow([f"X-{number}", name, "2026-01-05", 3, "1.50"])
        stock = storage.load(self.file)
        return [stock[f"X-{number}"].name for number in range(len(NAMES))]

    def test_is_read_where_only_some_fields_are_quoted(self):
        self.assertEqual(self.read(csv.QUOTE_MINIMAL, "\n"), NAMES)

    def test_is_read_where_all_fields_are_quoted(self):
        self.assertEqual(self.read(csv.QUOTE_ALL, "\n"), NAMES)

    def test_is_read_with_the_line_ends_of_windows(self):
        self.assertEqual(self.read(csv.QUOTE_MINIMAL, "\r\n"), NAMES)


class FilesOfToday(InAFolder):
    def test_are_read_as_before(self):
        self.file.write_text(
            "sku,name,received,quantity,unit_cost\n"
            "TEA-1,Green tea,2026-01-05,40,2.35\n"
            "TEA-1,Green tea,2026-02-01,10,2.50\n",
            encoding="utf-8",
        )
        lots = [(lot.received, lot.quantity, lot.unit_cost) for lot in storage.load(self.file)["TEA-1"].lots]
        self.assertEqual(lots, [(DAY, 40, 235), (date(2026, 2, 1), 10, 250)])

    def test_stay_what_they_are_when_saved(self):
        text = "sku,name,received,quantity,unit_cost\nTEA-1,Green tea,2026-01-05,40,2.35\n"
        self.file.write_text(text, encoding="utf-8")
        storage.save(storage.load(self.file), self.file)
        self.assertEqual(self.file.read_text(encoding="utf-8").splitlines(), text.splitlines())
