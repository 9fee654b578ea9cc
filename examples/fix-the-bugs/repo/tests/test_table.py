import unittest

from stockroom import table


class Table(unittest.TestCase):
    def test_has_headings_and_rows(self):
        text = table.render(["Product", "Count"], [("tea", 12), ("rice", 7)])
        self.assertEqual(
            text.splitlines(),
            [
                "Product  Count",
                "-------  -----",
                "tea         12",
                "rice         7",
            ],
        )
