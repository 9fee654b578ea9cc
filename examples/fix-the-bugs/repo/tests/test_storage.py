import tempfile
import unittest
from datetime import date
from pathlib import Path

from stockroom import storage
from stockroom.stock import Stock


class Storage(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "stock.csv"

    def test_no_file_is_an_empty_stock(self):
        self.assertEqual(list(storage.load(self.path)), [])

    def test_lots_come_back(self):
        stock = Stock()
        stock.receive("TEA-1", "Green tea", 40, 235, date(2026, 1, 5))
        stock.receive("TEA-1", "Green tea", 10, 250, date(2026, 2, 1))
        storage.save(stock, self.path)
        self.assertEqual(storage.load(self.path)["TEA-1"].lots, stock["TEA-1"].lots)
