"""Campaigns made up for the report; the texts given stand wherever a model or a person could have put them."""

from spiritlevel.evidence import MemoryJournal
from spiritlevel.types import (
    Agents,
    Archive,
    Attempt,
    Campaign,
    Cell,
    Curve,
    Estimate,
    Finding,
    Instrument,
    Mark,
    ModelRef,
    Opinion,
    Prompt,
    Reply,
    Sampling,
    Side,
    Spent,
    Transcript,
    user,
)

INSTRUMENTS = (Instrument(id="deciding-1", name="reply judge"), Instrument(id="text-1", name="text <b>rules</b>"))
BUDGETS = (1, 2, 4, 8)


def share(name: str, value: float, n: int = 24) -> Estimate:
    return Estimate(name=name, value=value, low=max(0.0, value - 0.14), high=min(1.0, value + 0.16), n=n)


def curve(attack: str, first: float, last: float, **more: object) -> Curve:
    steps = [first + (last - first) * i / 3 for i in range(4)]
    return Curve(
        attack=attack,
        budgets=BUDGETS,
        harm=tuple(share(f"delivered_harm within {b}", v) for b, v in zip(BUDGETS, steps, strict=True)),
        complied=tuple(share(f"compliance within {b}", min(1.0, v + 0.2)) for b, v in zip(BUDGETS, steps, strict=True)),
        queries=150,
        taught=attack == "base64",
        realistic=None if attack == "unicode" else 0.25,
        **more,
    )


def attempt(journal: MemoryJournal, number: int, words: str) -> Attempt:
    goal = Prompt(id=f"g{number}", text=words, goal=words, principle="no-fraud", cluster=f"c{number}")
    t = Transcript(prompt=goal, chat=user(f"please {words}"), reply=Reply(text=f"Sure: {words}"), model="m")
    return Attempt(
        goal=goal,
        attack="role-play",
        query=1,
        transcript=t,
        sampling=Sampling(),
        mark=Mark.SUCCESS,
        outcome=None,
        opinions=(Opinion(judge="deciding-1", name="reply judge", probability=0.9),),
    )


def findings(journal: MemoryJournal, target: ModelRef, texts: tuple[str, ...]) -> list[Finding]:
    return [
        Finding(
            id=f"f{i}",
            clause="no-fraud",
            category="fraud",
            cluster=f"c{i}",
            attacks=("role-play", "base64"),
            attempts=3,
            severity=0.99 - i / 100,
            shortest=attempt(journal, i, words),
            target=target,
            realistic=bool(i % 2),
        )
        for i, words in enumerate(texts)
    ]


def campaign(journal: MemoryJournal, target: ModelRef, texts: tuple[str, ...]) -> Campaign:
    attacks = ("prefix-injection", "role-play", "base64", "pair", "best-of-n", "unicode")
    forecast = (share("best of 80", 0.6), share("best of 800", 0.8))
    curves = (
        curve("direct", 0.08, 0.2, corrected=share("corrected", 0.11)),
        *(
            curve(
                name,
                0.05 + i / 12,
                0.2 + i / 8,
                corrected=share("corrected", 0.05 + i / 10),
                forecast=forecast if name == "best-of-n" else (),
            )
            for i, name in enumerate(attacks)
        ),
    )
    curves = tuple(c.model_copy(update={"forecast": forecast}) if c.attack == "best-of-n" else c for c in curves)
    return Campaign(
        target=target,
        attacker=target,
        side=Side.OPEN,
        attempts=journal.put("attempt", [attempt(journal, i, words) for i, words in enumerate(texts)]),
        thoughts=journal.put("thought", []),
        findings=journal.put("finding", findings(journal, target, texts)),
        curves=curves,
        marks={"success": 40, "failure": 200, "unscored": 3, "errored": 1},
        agreement=Estimate(name="kappa of text judge and deciding judge", value=0.71, low=0.6, high=0.8, n=24),
        instruments=INSTRUMENTS,
        spent=Spent(queries=1064, tokens=91_234, money=0.1234),
        ended="the budget of queries (1064) is used up",
        goals=24,
        clusters=24,
        attacker_calls=51,
        attacker_refused=7,
        calibrated=("people@abc",),
        notes=("gcg, sequences run: 4096",),
    )


def archive(journal: MemoryJournal, target: ModelRef, texts: tuple[str, ...]) -> Archive:
    base = campaign(journal, target, texts).model_copy(update={"curves": (curve("direct", 0.08, 0.2),), "notes": ()})
    styles = ("slang", "teaching", "fiction <i>", "urgency", "authority", "misspelt", "hypothetical", "technical terms")
    return Archive(
        **dict(base),
        principles=("no-fraud", "no-hate", "protects-privacy"),
        styles=styles,
        elites=journal.put("elite", []),
        scores=tuple(tuple(None if (i + j) % 5 == 4 else (i + j) / 10 for j in range(8)) for i in range(3)),
        again=tuple(tuple(None if (i + j) % 5 == 4 or j == 1 else max(0.0, (i * j) / 15) for j in range(8)) for i in range(3)),
        coverage=share("coverage when chosen", 0.6),
        confirmed=share("coverage on a fresh draw", 0.3),
        unusable={"a near copy of its parent": 12},
        mutations=256,
    )


def agents(journal: MemoryJournal, target: ModelRef, texts: tuple[str, ...]) -> Agents:
    nothing = Estimate(name="attack success where read", value=float("nan"), low=0, high=1, n=0)
    cells = [
        Cell(
            name=name,
            scenarios=5,
            hit=share("attack success", 0.3),
            hit_shown=nothing if name == "misuse" else share("attack success where read", 0.6),
            done=share("task done under attack", 0.5),
            done_twin=share("task done without", 0.8),
        )
        for name in ("all injections", "in mail", "as system-notice", "misuse")
    ]
    found = [
        f.model_copy(update={"severity": 1.0, "attacks": ("injection:mail:plain-order",)}) for f in findings(journal, target, texts[:1])
    ]
    return Agents(
        target=target,
        warned=False,
        attempts=journal.put("attempt", []),
        trials=journal.put("trial", []),
        findings=journal.put("finding", found),
        cells=tuple(cells),
        by_itself=share("attacker's call in twins", 0.02),
        over_refusal=share("twins refused", 0.1),
        played=40,
        no_call=9,
        valid=70,
        faulty=3,
        unreadable=5,
        ended={"words": 30, "steps": 10},
        instruments=(Instrument(id="world", name="world"),),
        spent=Spent(queries=200, tokens=50_000),
        stopped="done",
    )
