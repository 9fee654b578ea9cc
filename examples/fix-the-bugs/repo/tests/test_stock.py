import unittest
from datetime import date

from stockroom import report
from stockroom.stock import Stock


class Stocking(unittest.TestCase):
    def setUp(self):
        self.stock = Stock()
        self.stock.receive("TEA-1", "Green tea", 40, 235, date(2026, 1, 5))

    def test_a_delivery_is_on_hand(self):
        self.assertEqual(self.stock["TEA-1"].on_hand, 40)
        self.assertEqual(self.stock["TEA-1"].value, 9400)

    def test_goods_go_out(self):
        self.assertEqual(self.stock.ship("TEA-1", 15), 15 * 235)
        self.assertEqual(self.stock["TEA-1"].on_hand, 25)

    def test_quantities_are_above_zero(self):
        with self.assertRaises(ValueError):
            self.stock.receive("TEA-1", "Green tea", 0, 235, date(2026, 1, 6))
        with self.assertRaises(ValueError):
            self.stock.ship("TEA-1", -1)

    def test_scarce_products_are_named(self):
        self.stock.receive("RICE-2", "Rice", 3, 110, date(2026, 1, 5))
        self.assertEqual(report.low(self.stock, 10), ["RICE-2"])
