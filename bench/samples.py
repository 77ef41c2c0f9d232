"""Where the parts of the benchmark keep their samples: each is written when it is there, so that what breaks off is not lost."""
import contextlib
import json
import os
import pathlib


@contextlib.contextmanager
def kept(out, add=False):
    """(records, put): those that are there, when they are to be added to, and what puts one more to them and into OUT.jsonl."""
    os.environ.setdefault("PGOPTIONS", "-c jit=off")    # for libpq: compiling the loop is not what is measured
    path = pathlib.Path(out).with_suffix(".jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    records = [json.loads(line) for line in path.read_text().splitlines()] if add and path.exists() else []
    with open(path, "a" if add else "w") as file:
        def put(**record):
            records.append(record)
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
            file.flush()

        yield records, put
