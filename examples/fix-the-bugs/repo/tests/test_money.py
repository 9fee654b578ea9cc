import unittest

from stockroom import money


class Money(unittest.TestCase):
    def test_is_read_as_cents(self):
        self.assertEqual(money.parse("12.50"), 1250)
        self.assertEqual(money.parse("12.5"), 1250)
        self.assertEqual(money.parse("12"), 1200)
        self.assertEqual(money.parse("-0.05"), -5)

    def test_refuses_what_is_no_amount(self):
        for text in ["", "abc", "1.234", "1,50", "1e3"]:
            with self.subTest(text), self.assertRaises(ValueError):
                money.parse(text)

    def test_is_written_with_two_decimals(self):
        self.assertEqual(money.render(1250), "12.50")
        self.assertEqual(money.render(5), "0.05")
        self.assertEqual(money.render(-250), "-2.50")
