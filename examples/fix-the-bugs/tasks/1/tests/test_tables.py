"""What the docstring of stockroom/table.py promises, and what the command line shows of it."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

APP = "/app"
sys.path.append(APP)

from stockroom import table  # noqa: E402


class Widths(unittest.TestCase):
    def test_a_wide_cell_widens_its_column(self):
        self.assertEqual(
            table.render(["SKU", "Name"], [("OAT-1", "Rolled oats"), ("TEA-1", "Tea")]).splitlines(),
            [
                "SKU    Name",
                "-----  -----------",
                "OAT-1  Rolled oats",
                "TEA-1  Tea",
            ],
        )

    def test_a_wide_heading_widens_its_column(self):
        self.assertEqual(
            table.render(["A long heading", "B"], [("x", "y")]).splitlines(),
            [
                "A long heading  B",
                "--------------  -",
                "x               y",
            ],
        )

    def test_the_widest_cell_may_stand_in_any_row(self):
        rows = [("a", 1), ("abcdefgh", 22), ("abc", 333333)]
        lines = table.render(["N", "#"], rows).splitlines()
        self.assertEqual(lines[1], "--------  ------")
        self.assertEqual(lines[2], "a              1")
        self.assertEqual(lines[3], "abcdefgh      22")
        self.assertEqual(lines[4], "abc       333333")

    def test_columns_do_not_widen_each_other(self):
        lines = table.render(["A", "B", "C"], [("1234567", "x", "y"), ("1", "x", "1234567")]).splitlines()
        self.assertEqual(lines[1], "-------  -  -------")
        self.assertEqual(lines[3], "1        x  1234567")


class Alignment(unittest.TestCase):
    def test_whole_numbers_stand_to_the_right_with_their_heading(self):
        lines = table.render(["n", "What"], [(5, "a"), (12345, "b")]).splitlines()
        self.assertEqual(lines, ["    n  What", "-----  ----", "    5  a", "12345  b"])

    def test_a_column_with_any_other_cell_stands_to_the_left(self):
        lines = table.render(["Count", "x"], [(5, "a"), ("none", "b"), (1234567, "c")]).splitlines()
        self.assertEqual(lines, ["Count    x", "-------  -", "5        a", "none     b", "1234567  c"])

    def test_negative_numbers_are_numbers(self):
        lines = table.render(["n"], [(-1000,), (7,)]).splitlines()
        self.assertEqual(lines, ["    n", "-----", "-1000", "    7"])

    def test_no_line_ends_in_blanks(self):
        for line in table.render(["Name", "Note"], [("a", ""), ("b", "a long note")]).splitlines():
            self.assertEqual(line, line.rstrip())


class Empty(unittest.TestCase):
    def test_a_table_without_rows_is_its_headings(self):
        self.assertEqual(table.render(["SKU", "On hand"], []).splitlines(), ["SKU  On hand", "---  -------"])

    def test_empty_cells_are_cells(self):
        self.assertEqual(table.render(["A", "B"], [("", "x")]).splitlines(), ["A  B", "-  -", "   x"])


class CommandLine(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = str(Path(folder.name) / "stock.csv")

    def stockroom(self, *args):
        command = [sys.executable, "-m", "stockroom", "--file", self.file, *args]
        return subprocess.run(command, cwd=APP, capture_output=True, text=True, check=False)

    def test_lists_nothing_without_dying(self):
        result = self.stockroom("list")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout.splitlines(), ["SKU  Name  On hand  Value", "---  ----  -------  -----"])

    def test_lists_columns_that_line_up(self):
        self.stockroom("receive", "TEA-1", "Green tea", "120", "2.35")
        self.stockroom("receive", "OAT-1", "Rolled oats", "40", "1.20")
        self.assertEqual(
            self.stockroom("list").stdout.splitlines(),
            [
                "SKU    Name         On hand  Value",
                "-----  -----------  -------  ------",
                "OAT-1  Rolled oats       40  48.00",
                "TEA-1  Green tea        120  282.00",
            ],
        )
