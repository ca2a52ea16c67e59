"""Makes the small Parquet files that ../dataset.test.ts reads.

    pip install pyarrow
    python test/text/golden/make_parquet.py
"""

from pathlib import Path

import pyarrow
import pyarrow.parquet

HERE = Path(__file__).parent
LINES = [" = Title = \n", "", " The ship was built in 1912 . \n", "½ naïve 日本語 👍\n", "the " * 200 + "\n"] * 4

table = pyarrow.table({"id": list(range(len(LINES))), "text": LINES})
for codec in ("snappy", "gzip", "zstd", "none"):
    pyarrow.parquet.write_table(
        table, HERE / f"texts.{codec}.parquet", compression=codec, row_group_size=8,
        use_dictionary=codec != "none", data_page_version="2.0" if codec == "gzip" else "1.0",
    )
