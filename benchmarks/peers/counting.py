"""Count up in a file, as ours and each of its peers do it, until told time is over.

    PYTHON peers/counting.py NAME FOLDER SECONDS

One line is printed when it is ready; it begins when it reads one, and prints how often it has counted, and the
longest wait in seconds. The JSON files hold 80 texts beside the count, 4 kB in all.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from time import perf_counter

TEXTS = {f"text{number:02}": f"value {number} of this file" + "." * 10 for number in range(80)}


def ours(folder, *, durable=True):
    from framework0.jsonfile import JsonFile

    file = JsonFile(folder / "ours.json", timeout=None, durable=durable)
    file.change(lambda document: document.setdefault("group", dict(TEXTS)))
    return lambda: file.increment("group", "count")


def plain(folder):
    return ours(folder, durable=False)


def filelock(folder, *, durable=True):
    import filelock as peer

    path, lock = folder / "peer.json", peer.FileLock(folder / "peer.lock")
    with lock:
        if not path.exists():
            path.write_text(json.dumps({"group": {**TEXTS, "count": 0}}, indent=4))

    def count():
        with lock:
            document = json.loads(path.read_bytes())
            document["group"]["count"] += 1
            with open(folder / "peer.draft", "w", encoding="utf-8") as file:
                json.dump(document, file, indent=4)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            os.replace(folder / "peer.draft", path)

    return count


def filelock_plain(folder):
    return filelock(folder, durable=False)


def tinydb(folder):
    from tinydb import TinyDB
    from tinydb.operations import increment

    db = TinyDB(folder / "tiny.json")
    db.insert({**TEXTS, "count": 0})
    return lambda: db.update(increment("count"))


def sqlitedict(folder):
    from sqlitedict import SqliteDict

    db = SqliteDict(str(folder / "dict.sqlite"), autocommit=True)
    db.update(TEXTS, count=0)

    def count():
        db["count"] += 1

    return count


def diskcache(folder):
    from diskcache import Cache

    cache = Cache(folder / "cache")
    for key, text in TEXTS.items():
        cache[key] = text
    cache["count"] = 0
    return lambda: cache.incr("count")


SIDES = {
    "ours": ours,
    "ours, without a sync": plain,
    "filelock": filelock,
    "filelock, without a sync": filelock_plain,
    "TinyDB": tinydb,
    "sqlitedict": sqlitedict,
    "diskcache": diskcache,
}


def main():
    name, folder, seconds = sys.argv[1:]
    count = SIDES[name](Path(folder))
    count()
    print("ready", flush=True)
    sys.stdin.readline()
    done, worst, now = 0, 0.0, perf_counter()
    end = now + float(seconds)
    while now < end:
        count()
        before, now = now, perf_counter()
        worst = max(worst, now - before)
        done += 1
    print(json.dumps([done, worst]), flush=True)
    # A few peers end threads of theirs slowly.
    os._exit(0)


if __name__ == "__main__":
    main()
