"""A real OTLP/HTTP collector for tests: a server that decodes what is sent to it."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

ANSWER = 200


class Collector:
    """Listens on a free port; ``spans`` and ``metrics`` are what came, ``raw`` the bytes of it.

    ``answer`` is the status it gives; with ``silent`` it takes everything and never answers.
    """

    def __init__(self, answer=ANSWER, *, silent=False):
        self.spans, self.metrics, self.raw = [], [], b""
        self.resources = []
        self.released = threading.Event()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                if silent:
                    collector.released.wait()
                    return
                collector.take(self.path, body)
                self.send_response(answer)
                self.end_headers()

            def log_message(self, *_):
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def take(self, path, body):
        self.raw += body
        if path.endswith("/v1/traces"):
            for part in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.resources.append(attributes_of(part.resource))
                for scope in part.scope_spans:
                    self.spans.extend(scope.spans)
        else:
            for part in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for scope in part.scope_metrics:
                    self.metrics.extend(scope.metrics)

    def span(self, name):
        """Return the one span called ``name``."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def figure(self, name):
        """Return the data points of a metric, as it was told last."""
        metric = [metric for metric in self.metrics if metric.name == name][-1]
        return list(getattr(metric, metric.WhichOneof("data")).data_points)

    def close(self):
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def attributes_of(thing):
    """Return the attributes of a span, a point, an event or a resource as a plain mapping."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in thing.attributes}
