"""RFC 6902 by jsonpatch, in the environment of the peers: make a patch of each case and apply it.

python patches.py CASES.json    prints [[bytes, seconds], …]; a case is [name, before, after]
"""

import json
import sys
from pathlib import Path
from time import perf_counter

import jsonpatch


def main():
    found = []
    for _, before, after in json.loads(Path(sys.argv[1]).read_text()):
        started = perf_counter()
        patch = jsonpatch.make_patch(before, after)
        text = patch.to_string()
        made = jsonpatch.JsonPatch.from_string(text).apply(before)
        seconds = perf_counter() - started
        assert made == after
        found.append([len(text), seconds])
    print(json.dumps(found))


if __name__ == "__main__":
    main()
