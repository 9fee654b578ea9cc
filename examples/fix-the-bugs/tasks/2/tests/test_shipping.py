"""What a shipment costs, what it leaves, and that a refused one leaves everything."""

import sys
import unittest
from datetime import date

sys.path.append("/app")

from stockroom.stock import NotEnoughStock, Stock  # noqa: E402

JANUARY, FEBRUARY, MARCH = date(2026, 1, 10), date(2026, 2, 10), date(2026, 3, 10)


def shelf(stock, sku="COF-1"):
    return [(lot.received, lot.quantity, lot.unit_cost) for lot in stock[sku].lots]


class Coffee(unittest.TestCase):
    def setUp(self):
        self.stock = Stock()
        self.stock.receive("COF-1", "Coffee", 10, 500, JANUARY)
        self.stock.receive("COF-1", "Coffee", 10, 600, FEBRUARY)
        self.stock.receive("COF-1", "Coffee", 10, 750, MARCH)


class Cost(Coffee):
    def test_within_the_oldest_delivery(self):
        self.assertEqual(self.stock.ship("COF-1", 4), 4 * 500)

    def test_across_two_deliveries(self):
        self.assertEqual(self.stock.ship("COF-1", 15), 10 * 500 + 5 * 600)

    def test_across_three_deliveries(self):
        self.assertEqual(self.stock.ship("COF-1", 21), 10 * 500 + 10 * 600 + 750)

    def test_of_everything(self):
        self.assertEqual(self.stock.ship("COF-1", 30), 18500)
        self.assertEqual(self.stock["COF-1"].on_hand, 0)

    def test_of_exactly_one_delivery(self):
        self.assertEqual(self.stock.ship("COF-1", 10), 5000)
        self.assertEqual(self.stock.ship("COF-1", 10), 6000)

    def test_and_value_left_make_up_what_was_bought(self):
        for quantity in (1, 9, 3, 8, 5):
            before = self.stock["COF-1"].value
            cost = self.stock.ship("COF-1", quantity)
            self.assertEqual(cost + self.stock["COF-1"].value, before)

    def test_follows_the_dates_not_the_order_of_entry(self):
        self.stock.receive("COF-1", "Coffee", 2, 100, date(2025, 12, 1))
        self.assertEqual(self.stock.ship("COF-1", 3), 2 * 100 + 500)


class Shelf(Coffee):
    def test_keeps_the_newest(self):
        self.stock.ship("COF-1", 15)
        self.assertEqual(shelf(self.stock), [(FEBRUARY, 5, 600), (MARCH, 10, 750)])


class Refusal(Coffee):
    def test_leaves_every_delivery_as_it_was(self):
        before = shelf(self.stock)
        with self.assertRaises(NotEnoughStock):
            self.stock.ship("COF-1", 31)
        self.assertEqual(shelf(self.stock), before)

    def test_leaves_the_rest_to_the_orders_after_it(self):
        with self.assertRaises(NotEnoughStock):
            self.stock.ship("COF-1", 45)
        self.assertEqual(self.stock.ship("COF-1", 20), 11000)

    def test_meets_a_product_that_is_sold_out(self):
        self.stock.ship("COF-1", 30)
        with self.assertRaises(NotEnoughStock):
            self.stock.ship("COF-1", 1)

    def test_leaves_other_products_alone(self):
        self.stock.receive("TEA-1", "Tea", 5, 200, JANUARY)
        with self.assertRaises(NotEnoughStock):
            self.stock.ship("TEA-1", 6)
        self.assertEqual(self.stock["TEA-1"].on_hand, 5)
        self.assertEqual(self.stock["COF-1"].on_hand, 30)

    def test_of_an_unknown_product_is_a_key_error(self):
        with self.assertRaises(KeyError):
            self.stock.ship("NONE-1", 1)

    def test_of_no_quantity_is_a_value_error(self):
        for quantity in (0, -1):
            with self.assertRaises(ValueError):
                self.stock.ship("COF-1", quantity)
