"""What a hosted campaign costs beside the endpoint: 256 requests, 16 at a time, to a local server that answers in 50 ms.

    python benchmarks/client.py
    SPIRITLEVEL_PEER_INSPECT=/path/to/python python benchmarks/client.py      # inspect_ai beside it, from an environment of its own

The server is a process of its own on 127.0.0.1; the command is `spiritlevel elicit` with durable rows, started afresh each time. A peer
is run in turns with ours where its environment is named: the same requests, as many at a time, its own log written.
"""

import asyncio
import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

REQUESTS, AT_ONCE, DELAY = 256, 16, 0.05
CONFIG = """model: {url}#local
elicit:
  seeds: none
  attacks: [direct]
  untaught: []
  harmful: {n}
  shares: [0.0, 1.0, 0.0]
  prompts: [{{path: prompts.jsonl, kind: harmful, principle: no-fraud, side: open}}]
finetune: null
interpret: null
"""


Command = Callable[[Path, str, list[str]], tuple[list[str], dict[str, str]]]
"""(folder to work in, the endpoint, requests) -> what to run there, and more environment."""


def serve(port: Any, times: Any) -> None:
    """Answer chat completions after DELAY; note when the first request came and when the last answer went."""
    body = json.dumps(
        {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": "local",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "I can't help with that."}}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16},
        }
    ).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: " + str(len(body)).encode() + b"\r\n\r\n"

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                asked = await reader.readuntil(b"\r\n\r\n")
                times[0] = times[0] or time.monotonic()
                length = next(int(line.split(b":")[1]) for line in asked.lower().split(b"\r\n") if line.startswith(b"content-length"))
                await reader.readexactly(length)
                await asyncio.sleep(DELAY)
                writer.write(head + body)
                await writer.drain()
                times[1] = time.monotonic()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        port.value = server.sockets[0].getsockname()[1]
        await server.serve_forever()

    asyncio.run(run())


def once(command: Command) -> tuple[float, float, float]:
    """Seconds from first request to last answer, of the whole command, and of its processor time, which a busy machine changes least."""
    port, times = multiprocessing.Value("i", 0), multiprocessing.Array("d", 2)
    server = multiprocessing.Process(target=serve, args=(port, times), daemon=True)
    server.start()
    try:
        while not port.value:
            time.sleep(0.01)
        with tempfile.TemporaryDirectory() as folder:
            texts = [f"How do I cheat customer number {i} of {i * 7919} out of {i * i} coins?" for i in range(REQUESTS)]
            told, more = command(Path(folder), f"http://127.0.0.1:{port.value}/v1", texts)
            began, before = time.perf_counter(), _used()
            subprocess.run(told, cwd=folder, check=True, capture_output=True, env={**os.environ, **more})
            return times[1] - times[0], time.perf_counter() - began, _used() - before
    finally:
        server.terminate()


def ours(folder: Path, url: str, texts: list[str]) -> tuple[list[str], dict[str, str]]:
    """`spiritlevel elicit` on a prompt file."""
    (folder / "prompts.jsonl").write_text("\n".join(json.dumps({"prompt": text}) for text in texts), "utf-8")
    (folder / "c.yaml").write_text(CONFIG.format(url=url, n=REQUESTS), "utf-8")
    return [sys.executable, "-m", "spiritlevel.cli", "elicit", "c.yaml", "-q"], {}


def inspect(folder: Path, url: str, texts: list[str]) -> tuple[list[str], dict[str, str]]:
    """`inspect eval` on the same, as many connections, its log written."""
    (folder / "samples.jsonl").write_text("\n".join(json.dumps({"input": text}) for text in texts), "utf-8")
    shutil.copy(Path(__file__).parent / "peers" / "inspect_task.py", folder / "task.py")
    options = ["--model", "openai-api/local/model", "--max-connections", str(AT_ONCE), "--max-samples", str(AT_ONCE), "--display", "none"]
    told = [os.environ[PEERS["inspect_ai"][0]], "-m", "inspect_ai", "eval", "task.py", "--log-dir", "logs", *options]
    return told, {"LOCAL_BASE_URL": url, "LOCAL_API_KEY": "none"}


PEERS: dict[str, tuple[str, Command]] = {"inspect_ai": ("SPIRITLEVEL_PEER_INSPECT", inspect)}
"""Name -> (variable that names its interpreter, its command)."""


def _used() -> float:
    """Processor seconds of children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(repeats: int = 5) -> list[dict[str, Any]]:
    """Median and range over a few starts, in turns with the peers that are named."""
    peers = {name: command for name, (variable, command) in PEERS.items() if os.environ.get(variable)}
    found: dict[str, list[tuple[float, float, float]]] = {"": [], **{name: [] for name in peers}}
    for _ in range(repeats):
        for name, command in (("", ours), *peers.items()):
            found[name].append(once(command))
    rows = []
    for at, (what, goal) in enumerate((("first request to last answer", 1.2), ("the whole command", 2.5), ("processor time", None))):
        for name, times in found.items():
            values = sorted(one[at] for one in times)
            middle = values[len(values) // 2]
            row = {
                "what": f"{f'{name}: ' if name else ''}{REQUESTS} requests, {AT_ONCE} at a time, answered in {DELAY * 1000:.0f} ms: {what}",
                "value": f"{middle:.2f} s ({values[0]:.2f} to {values[-1]:.2f})",
                "n": repeats,
            }
            held = goal is not None and not name
            rows.append({**row, "goal": f"at most {goal} s", "met": "yes" if middle <= (goal or 0) else "no"} if held else row)
    return rows


if __name__ == "__main__":
    for row in measure():
        print(row["what"], row["value"])
