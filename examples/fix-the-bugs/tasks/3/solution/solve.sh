#!/bin/sh
# A right answer, for people: run it in the root of the repository.
set -eu
python3 - <<'PY'
from pathlib import Path

path = Path("stockroom/storage.py")
text = path.read_text()
for old, new in [
    ("from datetime import date\n", "import csv\nfrom datetime import date\n"),
    ('with path.open(encoding="utf-8") as file:\n        next(file, None)\n        for line in file:\n',
     'with path.open(encoding="utf-8", newline="") as file:\n        rows = csv.reader(file)\n        next(rows, None)\n        for row in rows:\n'),
    ('= line.rstrip("\\n").split(",")\n', "= row\n"),
    ('with draft.open("w", encoding="utf-8") as file:\n        file.write(",".join(COLUMNS) + "\\n")\n',
     'with draft.open("w", encoding="utf-8", newline="") as file:\n        rows = csv.writer(file, lineterminator="\\n")\n        rows.writerow(COLUMNS)\n'),
    ('file.write(",".join(fields) + "\\n")', "rows.writerow(fields)"),
]:
    assert text.count(old) == 1, old
    text = text.replace(old, new)
path.write_text(text)
PY
