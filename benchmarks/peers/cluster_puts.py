"""One server's share of the writes to a cluster: through our store, or through the engine's own client.

    PYTHON peers/cluster_puts.py ours|client URL WRITES IN_FLIGHT

Prints when it began and when it ended (the machine's monotonic clock, which all processes share), once
every write is acknowledged.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time

VALUE = {"text": "x" * 180}
KEYS = 1_000


def ours(url, writes, in_flight):
    from framework0.context import Author, Write
    from framework0.context.replicated import ReplicatedStore, open_log

    store = ReplicatedStore(open_log(f"{url}/bench"), timeout=60)
    author = Author("bench")

    def put(number):
        store.apply((Write(f"key{number % KEYS}", VALUE),), author, time.time())

    spans = in_threads(put, writes, in_flight)
    store.close()
    return spans


def etcd_client(url, writes, in_flight):
    from etcd3gw import Etcd3Client

    host, _, port = url.removeprefix("etcd://").partition(":")
    clients = threading.local()

    def put(number):
        if not hasattr(clients, "own"):
            clients.own = Etcd3Client(host, int(port), timeout=60, api_path="/v3/")
        clients.own.put(f"key{number % KEYS}", json.dumps(VALUE))

    return in_threads(put, writes, in_flight)


def in_threads(put, writes, in_flight):
    share = max(1, writes // in_flight)
    put(0)

    def work():
        for number in range(share):
            put(number)

    threads = [threading.Thread(target=work) for _ in range(in_flight)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return began, time.monotonic(), share * in_flight


def nats_client(url, writes, in_flight):
    import nats
    from nats.js.api import KeyValueConfig

    async def whole():
        client = await nats.connect(url)
        bucket = await client.jetstream(timeout=60).create_key_value(
            KeyValueConfig(bucket="bench", replicas=3)
        )
        # A new bucket has no leader for a moment.
        while True:
            try:
                await bucket.put("key0", b"0")
                break
            except nats.errors.Error:
                await asyncio.sleep(0.05)
        share = max(1, writes // in_flight)

        async def work():
            for number in range(share):
                await bucket.put(f"key{number % KEYS}", json.dumps(VALUE).encode())

        began = time.monotonic()
        await asyncio.gather(*(work() for _ in range(in_flight)))
        ended = time.monotonic()
        await client.close()
        return began, ended, share * in_flight

    return asyncio.run(whole())


def main():
    side, url, writes, in_flight = sys.argv[1:]
    clients = {"etcd": etcd_client, "nats": nats_client}
    work = ours if side == "ours" else clients[url.partition(":")[0]]
    began, ended, count = work(url, int(writes), int(in_flight))
    print(json.dumps({"began": began, "ended": ended, "writes": count}))


if __name__ == "__main__":
    main()
