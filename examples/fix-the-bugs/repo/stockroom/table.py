"""Tables of plain text."""

from collections.abc import Sequence

GAP = "  "


def render(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Lays rows out below their headings.

    Every column is as wide as its widest cell, heading included, with two blanks between columns. A column that holds
    nothing but whole numbers is aligned to the right, heading included, any other to the left. A line of dashes, as wide
    as the columns, stands below the headings. No line ends in blanks.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [len(heading) for heading in headings]
    right = [isinstance(cell, int) for cell in rows[0]]
    lines = [_line(headings, widths, right), GAP.join("-" * width for width in widths)]
    lines += [_line(row, widths, right) for row in cells]
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = [
        cell.rjust(width) if is_right else cell.ljust(width)
        for cell, width, is_right in zip(cells, widths, right)
    ]
    return GAP.join(padded).rstrip()
