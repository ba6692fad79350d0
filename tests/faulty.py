"""A real endpoint on 127.0.0.1 that speaks the OpenAI and the Anthropic protocol and misbehaves as it is told."""

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

REFUSAL = "I'm sorry, but I can't help with that."


@dataclass
class Faulty:
    """What to do, and what happened: the server's own log, to be held against rows.

    `behaviours` are taken in turn, the last one for ever; `behave(call, body)` decides instead where it is set. One is
    `good[:TEXT]`, `cut`, `filtered`, `turned-away` (a filter's 400), `status:CODE[,RETRY-AFTER]`, `type:CONTENT-TYPE`, `html`,
    `junk:BODY`, `slow:SECONDS`, `half` (closed within the body), `hangup` (closed without a byte),
    `stale` (a good answer, then closed unannounced),
    `drip:head` and `drip:body` (a byte now and then, for ever), `big:MB`, `flood` (chunks for ever), `claim` (a length that is a lie),
    `moved:URL`, or `most:N` (429 to more than N calls at a time, else good).
    """

    url: str = ""
    behaviours: list[str] = field(default_factory=lambda: ["good"])
    behave: Callable[[int, dict[str, Any]], str] | None = None
    delay: float = 0.0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    served: list[str] = field(default_factory=list)
    """The last message of each request that got a whole good answer with words in it."""
    refused: int = 0
    """Calls answered 429 by `most`."""
    connections: int = 0
    most: int = 0
    """Calls under way at once, at the most."""
    now: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def spec(self) -> str:
        """The name of a model here, in the OpenAI protocol."""
        return f"{self.url}/v1#test-model"

    def choose(self, body: dict[str, Any]) -> str:
        """How the next call is answered."""
        call = len(self.bodies)
        return self.behave(call, body) if self.behave else self.behaviours[min(call, len(self.behaviours) - 1)]


def chat_completion(text: str, finish: str) -> dict[str, Any]:
    """An answer in OpenAI's protocol."""
    reason = {"cut": "length", "filtered": "content_filter"}.get(finish, "stop")
    choice = {"index": 0, "finish_reason": reason, "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    return {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}


def message(text: str, finish: str) -> dict[str, Any]:
    """An answer in Anthropic's protocol."""
    reason = {"cut": "max_tokens", "filtered": "refusal"}.get(finish, "end_turn")
    usage = {"input_tokens": 5, "cache_read_input_tokens": 2, "output_tokens": 3}
    content = [{"type": "text", "text": text}] if text else []
    return {"id": "x", "type": "message", "role": "assistant", "model": "m", "content": content, "stop_reason": reason, "usage": usage}


@contextmanager
def serving(wrap: Callable[[Any], Any] | None = None) -> Iterator[Faulty]:
    """A running server. `wrap` may put TLS around its socket."""
    state, lock = Faulty(), threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None:
            pass

        def setup(self) -> None:
            super().setup()
            with lock:
                state.connections += 1

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                how = state.choose(body)
                state.bodies.append(body)
                state.headers.append({k.lower(): v for k, v in self.headers.items()})
                state.paths.append(self.path)
                state.times.append(time.monotonic())
                state.now += 1
                state.most = max(state.most, state.now)
                kind, _, extra = how.partition(":")
                if kind == "most":
                    how = "status:429" if state.now > int(extra) else "good"
                    state.refused += how != "good"
            try:
                state.over.wait(state.delay)
                self.answer(how, body["messages"][-1]["content"])
            except OSError:
                self.close_connection = True
            finally:
                with lock:
                    state.now -= 1

        def answer(self, how: str, asked: str) -> None:
            kind, _, extra = how.partition(":")
            if kind in ("good", "type", "stale", "slow"):
                state.over.wait(float(extra) if kind == "slow" else 0)
                self.good(extra if kind == "good" and extra else "echo " + asked, kind=extra if kind == "type" else "application/json")
                with lock:
                    state.served += [asked] * (how != "good: ")
                self.close_connection = kind == "stale"
            elif kind in ("cut", "filtered"):
                self.good("half a" if kind == "cut" else "", finish=kind)
            elif kind == "status":
                code, _, after = extra.partition(",")
                self.send(int(code), b'{"error": {"message": "as told"}}', retry_after=after)
            elif kind == "turned-away":
                self.send(400, b'{"error": {"code": "content_filter", "message": "the prompt was filtered"}}')
            elif kind == "html":
                self.send(200, b"<html><body>Bad gateway</body></html>", kind="text/html")
            elif kind == "junk":
                self.send(200, extra.encode())
            elif kind == "half":
                self.send(200, b'{"choices": [', length=1000)
                self.close_connection = True
            elif kind == "hangup":
                self.close_connection = True
            elif kind == "drip":
                self.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"" if extra == "head" else b"content-length: 100000\r\n\r\n"))
                while not state.over.wait(0.05):
                    self.wfile.write(b"x")
            elif kind == "big":
                self.good("x" * (int(extra) << 20))
            elif kind == "flood":
                self.send(200, b"", chunked=True)
                while not state.over.is_set():
                    self.wfile.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
            elif kind == "claim":
                self.send(200, b"{", length=10**13)
                state.over.wait(5)
                self.close_connection = True
            elif kind == "moved":
                self.send(307, b"", location=extra)
            else:
                raise ValueError(how)

        def good(self, text: str, finish: str = "stop", kind: str = "application/json") -> None:
            shape = message if self.path.endswith("/messages") else chat_completion
            self.send(200, json.dumps(shape(text, finish)).encode(), kind=kind)

        def send(
            self,
            code: int,
            content: bytes,
            kind: str = "application/json",
            *,
            length: int | None = None,
            chunked: bool = False,
            location: str = "",
            retry_after: str = "",
        ) -> None:
            self.send_response(code)
            size = ("transfer-encoding", "chunked") if chunked else ("content-length", str(len(content) if length is None else length))
            for name, value in (("content-type", kind), size, ("location", location), ("retry-after", retry_after)):
                if value:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, *_: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    if wrap is not None:
        server.socket = wrap(server.socket)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.url = f"http{'s' if wrap else ''}://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        state.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
