"""A thousand ways to tamper with a signed project, and whether `verify` names each.

    python benchmarks/tamper_evidence.py [COUNT]

The project is real: two runs of the loop on tiny:llama, the first verdict signed, then the second. A tampering is named when a fault
tells what was touched: the row's key, the run, the link, the file. Seeds are the tampering's number.
"""

import json
import os
import random
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

COUNT = 1000
TABLES = {"rows": "key", "row_sets": "id", "steps": "key", "manifest": "seq", "costs": "seq", "lineages": "hash", "blobs": "hash"}
CONFIG: dict[str, Any] = {
    "model": "tiny:llama",
    "elicit": {"teach": 1, "harmful": 1, "harmless": 1, "max_tokens": 6, "attacks": ["direct", "role-play"]},
    "finetune": {"candidates": 1, "revision_tokens": 4, "sft": {"epochs": 1, "lr": 1e-3, "save_every": 3}},
    "interpret": {"every": 1, "max_prompts": 20},
    "measure": {"kl_prompts": 2, "kl_tokens": 4, "rounds": 100},
}


class Project(NamedTuple):
    """A signed project, and the same when only its first run was signed."""

    root: Path
    before: Path
    foreign: bytes
    """Another private key."""
    seen: str
    """The head that somebody noted after the last signature."""


Tampering = Callable[[Project, Path, random.Random], str]
"""Changes the copy in the path; returns a word that a fault must hold."""


def build(home: Path) -> Project:
    """Two runs, each signed when it is done."""
    from spiritlevel import loop
    from spiritlevel.cli import deciding
    from spiritlevel.config import LoopConfig
    from spiritlevel.evidence import _ed25519, keys, open_run
    from spiritlevel.evidence.verify import verify

    root, before = home / "project", home / "before"
    root.mkdir(parents=True)
    deciding.ROOT, old = root, deciding.ROOT
    os.environ[keys.VARIABLE] = str(home / "private.key")
    keys.new(root, home / "private.key")
    try:
        for name, seed in (("first", 0), ("second", 1)):
            config = LoopConfig.model_validate({**CONFIG, "measure": {**CONFIG["measure"], "seed": seed}})
            with open_run(root, name, config.identity, config.to_yaml(), quiet=True) as evidence:
                loop.run(config, evidence)
                deciding.sealed(evidence)
            if name == "first":
                shutil.copytree(root, before)
    finally:
        deciding.ROOT = old
        del os.environ[keys.VARIABLE]
    found = verify(root, root / keys.PUBLIC)
    assert not found.faults, found.faults
    return Project(root, before, _ed25519.pair()[0], str(found.head))


def faults(root: Path, public: Path, seen: str = "") -> list[str]:
    """All that verification finds, the decision made again included."""
    from spiritlevel.evidence import verify as verifying
    from spiritlevel.release.again import decided_again

    found = verifying.verify(root, public, after=seen)
    if found.faults or found.sealed is None:
        return list(found.faults)
    with verifying.opened(root, found.sealed.run, None) as evidence:
        why = decided_again(evidence, found.sealed.verdict)
    return [why] if why else []


@contextmanager
def _database(root: Path, run: str) -> Any:
    with closing(sqlite3.connect(root / "runs" / run / "evidence.db", isolation_level=None)) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        yield db


def _any(db: Any, rng: random.Random, tables: tuple[str, ...] = tuple(TABLES)) -> tuple[str, str, list[Any]]:
    """(table, its key's column, rows' keys) of a table that has rows."""
    table = rng.choice([t for t in tables if db.execute(f"SELECT COUNT(*) FROM {t}").fetchone()[0]])
    return table, TABLES[table], [row[0] for row in db.execute(f"SELECT {TABLES[table]} FROM {table} ORDER BY 1")]


def _run(rng: random.Random) -> str:
    return rng.choice(["first", "second"])


def edited(p: Project, root: Path, rng: random.Random) -> str:
    """One cell of one row."""
    with _database(root, _run(rng)) as db:
        table, key, ids = _any(db, rng)
        chosen = rng.choice(ids)
        columns = [c[1] for c in db.execute(f"PRAGMA table_info({table})") if c[1] != key]
        column = rng.choice(columns)
        old = db.execute(f"SELECT {column} FROM {table} WHERE {key} = ?", (chosen,)).fetchone()[0]
        db.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (_other(old, rng), chosen))
    return f"{str(chosen)[:48]!r}"


def _other(old: Any, rng: random.Random) -> Any:
    if not isinstance(old, str):
        return (old or 0) + 1
    at = rng.randrange(len(old) + 1)
    return old[:at] + rng.choice("abc019") + old[at:]


def deleted(p: Project, root: Path, rng: random.Random) -> str:
    """One row taken out."""
    with _database(root, _run(rng)) as db:
        table, key, ids = _any(db, rng)
        chosen = rng.choice(ids)
        db.execute(f"DELETE FROM {table} WHERE {key} = ?", (chosen,))
    return f"{str(chosen)[:48]!r}"


def inserted(p: Project, root: Path, rng: random.Random) -> str:
    """A row made up after another."""
    with _database(root, _run(rng)) as db:
        table, key, ids = _any(db, rng)
        row = list(db.execute(f"SELECT * FROM {table} WHERE {key} = ?", (rng.choice(ids),)).fetchone())
        at = [c[1] for c in db.execute(f"PRAGMA table_info({table})")].index(key)
        row[at] = max(ids) + 1 if isinstance(row[at], int) else f"{rng.getrandbits(128):032x}"
        db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    return f"{str(row[at])[:48]!r}"


SWAPPED = {"rows": "value", "steps": "value", "manifest": "step", "costs": "cpu_seconds"}
"""The column whose contents are exchanged."""


def swapped(p: Project, root: Path, rng: random.Random) -> str:
    """The contents of two rows exchanged: each row is one that was there."""
    with _database(root, _run(rng)) as db:
        found = []
        for table, column in SWAPPED.items():
            key = TABLES[table]
            held = db.execute(f"SELECT {key}, {column} FROM {table} ORDER BY {key}").fetchall()
            if len({value for _, value in held}) > 1:  # equal contents exchanged are no change
                found.append((table, column, key, held))
        table, column, key, held = rng.choice(found)
        one, a = rng.choice(held)
        two, b = rng.choice([other for other in held if other[1] != a])
        db.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (b, one))
        db.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (a, two))
    return f"{str(one)[:48]!r}"


def reordered(p: Project, root: Path, rng: random.Random) -> str:
    """The order of a row set: verdicts would be read against other prompts."""
    with _database(root, _run(rng)) as db:
        sets = [(i, json.loads(k)) for i, k in db.execute("SELECT id, keys FROM row_sets ORDER BY id")]
        id, keys = rng.choice([s for s in sets if len(set(s[1])) > 1])
        changed = keys
        while changed == keys:
            changed = rng.sample(keys, len(keys))
        db.execute("UPDATE row_sets SET keys = ? WHERE id = ?", (json.dumps(changed), id))
    return f"{id[:48]!r}"


def covered_up(p: Project, root: Path, rng: random.Random) -> str:
    """A row edited, and the inventory and the run's last link made to fit."""
    from spiritlevel.evidence import open_existing
    from spiritlevel.evidence.run import root_of
    from spiritlevel.evidence.seal import INVENTORY, lines

    run = _run(rng)
    with _database(root, run) as db:
        _, _, ids = _any(db, rng, ("rows",))
        chosen = rng.choice(ids)
        old = db.execute("SELECT value FROM rows WHERE key = ?", (chosen,)).fetchone()[0]
        db.execute("UPDATE rows SET value = ? WHERE key = ?", (_other(old, rng), chosen))
    with open_existing(root, run) as evidence:
        now = evidence.inventory()
    if rng.random() < 0.5:
        (root / "runs" / run / INVENTORY).write_text(lines(now), "utf-8")
        return f"inventory of run '{run}'"
    with closing(sqlite3.connect(root / "runs" / "ledger.db", isolation_level=None)) as ledger:
        ledger.execute("UPDATE chain SET root = ? WHERE seq = (SELECT MAX(seq) FROM chain WHERE run = ?)", (root_of(now), run))
    return "of the chain"


def rolled_back(p: Project, root: Path, rng: random.Random) -> str:
    """One run, or the ledger, or all of it put back to how it was before the second signature."""
    what = rng.choice(["evidence", "ledger", "verdict", "all"])
    if what == "all":
        shutil.rmtree(root)
        shutil.copytree(p.before, root)
        return "rolled back or written anew"
    if what == "ledger":
        shutil.copy(p.before / "runs" / "ledger.db", root / "runs" / "ledger.db")
        return "chain"
    if what == "verdict":
        shutil.copytree(p.before / "runs" / "first" / "verdict", root / "runs" / "second" / "verdict", dirs_exist_ok=True)
        return "run 'second'"
    with _database(root, "second") as db:  # as a copy of the file from an earlier hour: its last steps are gone
        keep = rng.randrange(1, db.execute("SELECT COUNT(*) FROM steps").fetchone()[0])
        last = [row[0] for row in db.execute("SELECT key FROM steps ORDER BY finished")][keep:]
        for key in last:
            db.execute("DELETE FROM steps WHERE key = ?", (key,))
            db.execute("DELETE FROM manifest WHERE step = ?", (key,))
            db.execute("DELETE FROM costs WHERE step = ?", (key,))
    return "of run 'second' is missing"


def dropped(p: Project, root: Path, rng: random.Random) -> str:
    """A run taken away, with or without its links."""
    run = _run(rng)
    shutil.rmtree(root / "runs" / run)
    how = rng.choice(["folder", "links", "renumbered", "anew"])
    if how == "folder":
        return f"run '{run}' is missing"
    _relink(root, [k for k in _links(root) if k["run"] != run], renumber=how == "renumbered", rehash=how == "anew")
    return "chain" if how != "anew" or run == "second" else "chain does not hold link"


def _links(root: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(root / "runs" / "ledger.db")) as ledger:
        ledger.row_factory = sqlite3.Row
        return [dict(row) for row in ledger.execute("SELECT * FROM chain ORDER BY seq")]


def _relink(root: Path, links: list[dict[str, Any]], *, renumber: bool = False, rehash: bool = False) -> None:
    from spiritlevel.lineage.chain import follow

    if renumber:
        links = [{**link, "seq": i} for i, link in enumerate(links, 1)]
    if rehash:
        anew: list[Any] = []
        for k in links:
            anew.append(follow(anew[-1] if anew else None, k["time"], k["run"], k["what"], k["root"]))
        links = [link.model_dump() for link in anew]
    with closing(sqlite3.connect(root / "runs" / "ledger.db", isolation_level=None)) as ledger:
        ledger.execute("DELETE FROM chain")
        ledger.executemany("INSERT INTO chain VALUES (?, ?, ?, ?, ?, ?, ?)", [tuple(k.values()) for k in links])


def chain(p: Project, root: Path, rng: random.Random) -> str:
    """A link edited, taken out, moved, made up; or the chain cut short, or written anew with a clock set back."""
    links = _links(root)
    how, at = rng.choice(["edit", "delete", "move", "insert", "cut", "anew"]), rng.randrange(len(links) - 1)
    if how == "edit":
        field = rng.choice(["time", "run", "what", "root", "previous", "hash"])
        links[at][field] = _other(links[at][field], rng)
    elif how == "delete":
        del links[at]
    elif how == "move":
        links[at], links[at + 1] = {**links[at + 1], "seq": at + 1}, {**links[at], "seq": at + 2}
    elif how == "insert":
        links = [*links[: at + 1], {**links[at], "what": "stock"}, *links[at + 1 :]]
        links = [{**link, "seq": i} for i, link in enumerate(links, 1)]
    elif how == "cut":
        links = links[: at + 1]
    else:
        links = [{**link, "time": link["time"] - 86400} if i >= at else link for i, link in enumerate(links)]
    _relink(root, links, rehash=how == "anew")
    return "chain"


def verdict(p: Project, root: Path, rng: random.Random) -> str:
    """The verdict file or its signature: changed, taken away, signed with a foreign key under either name."""
    from spiritlevel.evidence import keys

    run = _run(rng)
    folder = root / "runs" / run / "verdict"
    how = rng.choice(["edit", "approve", "unsigned", "gone", "signature", "foreign", "foreign in our name"])
    data = (folder / "verdict.json").read_text("utf-8")
    if how == "edit":
        at = rng.randrange(len(data))
        data = data[:at] + ("0" if data[at] != "0" else "1") + data[at + 1 :]
    elif how in ("approve", "foreign", "foreign in our name"):
        old, new = (
            ('"kind": "approved"', '"kind": "held"') if '"kind": "approved"' in data else ('"kind": "', '"kind": "approved", "was": "')
        )
        data = data.replace(old, new, 1)
    (folder / "verdict.json").write_text(data, "utf-8")
    signature = json.loads((folder / "verdict.sig").read_text("utf-8"))
    if how == "signature":
        at = rng.randrange(128)
        old = signature["signature"]
        signature["signature"] = old[:at] + ("0" if old[at] != "0" else "1") + old[at + 1 :]
    elif how.startswith("foreign"):
        name, made = keys.sign(p.foreign, data.encode())
        signature |= {"signature": made, **({"key": name} if how == "foreign" else {})}
    (folder / "verdict.sig").write_text(json.dumps(signature), "utf-8")
    if how == "unsigned":
        (folder / "verdict.sig").unlink()
    elif how == "gone":
        shutil.rmtree(folder)
    return f"run '{run}'"


def files(p: Project, root: Path, rng: random.Random) -> str:
    """A byte of a blob, of the configuration, of the stamp; or a file taken away or put in."""
    run = _run(rng)
    home = root / "runs" / run
    blobs = sorted(f for f in (home / "blobs").rglob("*") if f.is_file())
    how = rng.choice(["blob", "blob gone", "blob more", "config.yaml", "blob folder"])
    if how == "config.yaml":
        text = (home / how).read_text("utf-8")
        (home / how).write_text(_other(text, rng), "utf-8")
        return f"'config.yaml' of run '{run}'"
    file = rng.choice(blobs)
    name = file.relative_to(home / "blobs").parts[0]
    if how == "blob":
        data = bytearray(file.read_bytes()) or bytearray(b"\0")
        data[rng.randrange(len(data))] ^= 1
        file.unlink()
        file.write_bytes(bytes(data))
    elif how == "blob gone":
        file.unlink()
    elif how == "blob more":
        (file.parent / "more").write_bytes(b"x")
    else:
        shutil.rmtree(home / "blobs" / name)
    return f"blob '{name[:16]}'"


def ledger(p: Project, root: Path, rng: random.Random) -> str:
    """A reading of the sealed set, a use or a look taken out or changed in the ledger."""
    with closing(sqlite3.connect(root / "runs" / "ledger.db", isolation_level=None)) as db:
        table = rng.choice([t for t in ("attempts", "uses", "looks") if db.execute(f"SELECT COUNT(*) FROM {t}").fetchone()[0]])
        rows = [row[0] for row in db.execute(f"SELECT rowid FROM {table}")]
        chosen = rng.choice(rows)
        if rng.random() < 0.5:
            db.execute(f"DELETE FROM {table} WHERE rowid = ?", (chosen,))
        else:
            column = rng.choice([c[1] for c in db.execute(f"PRAGMA table_info({table})") if c[1] != "attempt"])
            old = db.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", (chosen,)).fetchone()[0]
            db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (_other(old, rng), chosen))
    return "ledger"


def smuggled(p: Project, root: Path, rng: random.Random) -> str:
    """A run put in from outside, or one run's evidence under another's name."""
    if rng.random() < 0.5:
        name = f"run-{rng.randrange(1000)}"
        shutil.copytree(root / "runs" / _run(rng), root / "runs" / name)
        return f"run '{name}'"
    source, target = rng.sample(["first", "second"], 2)
    shutil.copy(root / "runs" / source / "evidence.db", root / "runs" / target / "evidence.db")
    return f"of run '{target}'"


KINDS: tuple[Tampering, ...] = (
    edited,
    deleted,
    inserted,
    swapped,
    reordered,
    covered_up,
    rolled_back,
    dropped,
    chain,
    verdict,
    files,
    ledger,
    smuggled,
)


def tampered(project: Project, place: Path, seed: int) -> tuple[str, str, list[str]]:
    """Tamper with a copy in `place`: the kind, the word that a fault must hold, and the faults found."""
    rng = random.Random(seed)
    kind = KINDS[seed % len(KINDS)]
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(project.root, place)
    word = kind(project, place, rng)
    return kind.__name__, word, faults(place, project.root / "spiritlevel.pub", project.seen)


def measure(count: int = COUNT) -> list[dict[str, Any]]:
    """Every tampering in turn; a kind's row says how many were named."""
    from spiritlevel import stats

    tried: Counter[str] = Counter()
    named: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        project = build(Path(folder))
        for seed in range(count):
            kind, word, found = tampered(project, Path(folder) / "copy", seed)
            tried[kind] += 1
            named[kind] += any(word in fault for fault in found)
            if not any(word in fault for fault in found):
                print(f"seed {seed}, {kind}: wanted {word!r}, found {found[:4]}", flush=True)
        untouched = faults(project.root, project.root / "spiritlevel.pub", project.seen)
    total, all_named = sum(tried.values()), sum(named.values())
    low = stats.wilson(all_named, total).low
    rows = [
        {
            "what": "tamperings with a signed project of two runs that verify names",
            "value": f"{all_named:,} of {total:,} (at least {low:.2%}); faults in the project untouched: {len(untouched)}",
            "n": total,
            "goal": "all named, none where there is none",
            "met": "yes" if all_named == total and not untouched else "no",
            "note": "Seeds 0 to 999. " + " ".join((__doc__ or "").split("\n\n")[-1].split()),
        }
    ]
    for kind in KINDS:
        name = kind.__name__
        rows.append(
            {
                "what": f"{name.replace('_', ' ')}: {(kind.__doc__ or '').strip()}",
                "value": f"{named[name]} of {tried[name]}",
                "n": tried[name],
            }
        )
    return rows


if __name__ == "__main__":
    for row in measure(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT):
        print(row["what"], row["value"], row.get("met", ""), sep=" | ", flush=True)
