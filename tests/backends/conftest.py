import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from spiritlevel.evidence.memory import MemoryJournal


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@dataclass
class Faulty:
    """A real endpoint on 127.0.0.1 that answers as it is told: a list of behaviours, taken in turn, the last one for ever."""

    url: str = ""
    behaviours: list[str] = field(default_factory=lambda: ["good"])
    bodies: list[dict] = field(default_factory=list)
    headers: list[dict] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    most: int = 0
    delay: float = 0.0

    def spec(self, name: str = "test-model") -> str:
        return f"{self.url}#{name}"


def completion(text: str, finish: str = "stop") -> bytes:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    return json.dumps({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}).encode()


@pytest.fixture
def endpoint() -> Iterator[Faulty]:
    state, lock, now = Faulty(), threading.Lock(), [0]

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                how = state.behaviours[min(len(state.bodies), len(state.behaviours) - 1)]
                state.bodies.append(body)
                state.headers.append({k.lower(): v for k, v in self.headers.items()})
                state.times.append(time.monotonic())
                now[0] += 1
                state.most = max(state.most, now[0])
            try:
                time.sleep(state.delay)
                self.behave(how, body)
            except (BrokenPipeError, ConnectionResetError):
                pass
            finally:
                with lock:
                    now[0] -= 1

        def behave(self, how: str, body: dict) -> None:
            kind, _, extra = how.partition(":")
            if kind == "good":
                self.send(200, completion(extra or "echo " + body["messages"][-1]["content"]))
            elif kind == "cut":
                self.send(200, completion("half a", "length"))
            elif kind == "status":
                code, _, after = extra.partition(",")
                self.send(int(code), b'{"error": {"message": "as told"}}', **({"Retry_After": after} if after else {}))
            elif kind == "html":
                self.send(200, b"<html><body>Bad gateway</body></html>", kind="text/html")
            elif kind == "junk":
                self.send(200, extra.encode())
            elif kind == "slow":
                time.sleep(float(extra))
                self.send(200, completion("late"))
            elif kind == "half":
                self.send_response(200)
                self.send_header("content-length", "1000")
                self.end_headers()
                self.wfile.write(b'{"choices": [')
                self.close_connection = True

        def send(self, code: int, content: bytes, kind: str = "application/json", **headers: str) -> None:
            self.send_response(code)
            for name, value in {"content-type": kind, "content-length": str(len(content)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(content)

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, *_: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def tiny(journal: MemoryJournal) -> Callable:
    """tiny("llama") is a loaded tiny model."""
    from spiritlevel import backends

    return lambda arch: backends.open_weights(backends.resolve(f"tiny:{arch}"), journal)
