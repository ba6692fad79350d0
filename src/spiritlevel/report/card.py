"""model-card.md: valid Hub metadata, and every figure beside the row sets that it was computed from."""

import math
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from markupsafe import Markup, escape

from spiritlevel.constitution import Constitution
from spiritlevel.report import campaigns, chapters, choose, page, power, system, unknown, words
from spiritlevel.report.refs import Refs, decided, policy
from spiritlevel.report.taught import Taught
from spiritlevel.types import ACTIONS, Check, Compared, Estimate, Governed, Grade, Held, Inside, Measurement, Pair, Tuned, Verdict

BUNDLED = "HuggingFaceTB/SmolLM2-135M-Instruct"
"""What the bundled file was quantised from; the file itself is named by its hash in the card."""
HUB = re.compile(r"hf:([A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?)(?:[@?#]|$)")


def markdown(
    law: Constitution,
    tuned: Tuned,
    compared: Compared,
    inside: Inside,
    exam: Compared | None,
    verdict: Verdict,
    pairs: Sequence[Pair],
    again: Taught | None = None,
    provoked: Sequence[campaigns.Section] = (),
    held: Held | None = None,
    governed: Governed | None = None,
) -> str:
    """The card: metadata between `---` lines, then prose and tables. Works offline."""
    from huggingface_hub import ModelCard

    held = held or Held()
    known = page.known_rows(law, tuned, compared, exam, (), verdict, held) | campaigns.known(s.value for s in provoked)
    refs = Refs(known | (again.known if again else {}), page.stale(held, compared, inside, exam))
    told = chapters.told(held, compared, exam, governed)
    for m in chain(compared.measurements, exam.measurements if exam else (), inside.measurements, *(f.measurements for f in held.found)):
        refs.witness(m.rows, m.grade, m.instruments)
    phases = {t.id: t.phase for t in law.policy.thresholds}
    sides = [compared] if exam is None else [compared, exam]
    body = page.environment().get_template("card.md.j2").render(
        law=law,
        tuned=tuned,
        compared=compared,
        exam=exam,
        verdict=verdict,
        actions=ACTIONS,
        words=words,
        threshold_phase=lambda check: phases.get(check.threshold, ""),
        name=system.naming(law, held),
        chapters=told,
        unmeasured=[t for t in told if not t.lines],
        powers=held.powers,
        power_share=power.share,
        power_rows=lambda whence, p: (p.alarms.id, p.rules.id, whence.row),
        **markup(refs, law, verdict),
        checks=verdict.checks,
        again=again,
        provoked=[*campaigns.lines(provoked), *(one for _, one in held.provoked)],
        share=campaigns.share,
        sides=[(side, [x for x in choose.side_by_side(side.measurements) if not x.principle and not x.cell]) for side in sides],
        inside=choose.side_by_side(m for m in inside.measurements if not m.principle and not m.cell),
        instrument=page.namer(tuned, compared, exam, held),
        judges=page.training_judges(tuned),
        unknowns=unknown.unknowns(law, tuned, compared, inside, exam, pairs, powered=bool(held.powers)),
    )  # fmt: skip
    head = metadata(tuned, compared, inside, exam, verdict).to_yaml(line_break="\n")
    return str(ModelCard(f"---\n{head}\n---\n\n{body.strip()}\n", ignore_metadata_errors=False))


def markup(refs: Refs, law: Constitution, verdict: Verdict | None = None) -> dict[str, Any]:
    """What every document in Markdown is written with."""
    return {
        "refs": refs,
        "md": escaped,
        "figure": words.told,
        "cite": refs.mark,
        "marked": lambda m: _struck(words.told(m.estimate, m.phase), refs.struck(m)),
        "checked": _checked,
        "basis": "" if verdict is None else decided(verdict),
        "policy": policy(law),
    }


def _checked(c: Check, phase: str = "") -> str:
    return _struck(words.told(c.estimate, phase), "spent" if c.grade is Grade.SPENT else "") if c.estimate else ""


def _struck(text: str, why: str) -> str:
    return f"~~{text}~~ ({why})" if why and text else text


def metadata(tuned: Tuned, compared: Compared, inside: Inside, exam: Compared | None, verdict: Verdict) -> Any:
    """huggingface_hub.ModelCardData. A licence is claimed only for the bundled model, whose licence is known."""
    from huggingface_hub import ModelCardData

    bundled = compared.before.spec.partition("@")[0] == "bundled"
    found = HUB.match(compared.before.spec)
    tuned_from = compared.before.key != compared.after.key and (bundled or found)
    return ModelCardData(
        license="apache-2.0" if bundled else None,
        base_model=BUNDLED if bundled else found[1] if found else None,
        library_name="transformers" if compared.after.kind == "local" else None,
        pipeline_tag="text-generation",
        tags=["spiritlevel", "alignment", "safety", "red-teaming", f"spiritlevel-{verdict.kind}"],
        model_name=f"spiritlevel-{re.sub(r'[^A-Za-z0-9]+', '-', compared.after.key)[:32].strip('-')}",
        eval_results=list(results(compared, inside, exam)),
        base_model_relation="finetune" if tuned_from else None,
    )


def results(compared: Compared, inside: Inside, exam: Compared | None) -> Iterator[Any]:
    """One EvalResult for every overall figure that is finite and not spent; its args name interval, n and rows."""
    from huggingface_hub import EvalResult

    for side in [compared] if exam is None else [compared, exam]:
        for m in (*side.measurements, *(inside.measurements if side is compared else ())):
            e = m.estimate
            if (
                m.principle
                or m.cell
                or m.phase == "before"
                or m.grade is Grade.SPENT
                or not all(map(math.isfinite, (e.value, e.low, e.high)))
            ):
                continue
            yield EvalResult(
                task_type="text-generation",
                task_name="Alignment",
                dataset_type=f"spiritlevel-{side.side}-prompts",
                dataset_name=f"Spiritlevel, {side.side} prompts",
                metric_type=e.name,
                metric_name=f"{words.label(e.name)} ({m.phase})",
                metric_value=round(e.value, 4),
                metric_args=arguments(m, e),
            )


def arguments(m: Measurement, e: Estimate) -> dict[str, Any]:
    """What makes a figure checkable: its interval, n, standing and rows."""
    return {
        "interval": [round(e.low, 4), round(e.high, 4)],
        "confidence": e.confidence,
        "n": e.n,
        "phase": m.phase,
        "role": m.role,
        "grade": str(m.grade),
        "rows": list(m.rows) or ["none"],
    }


def escaped(text: object, limit: int = 600) -> Markup:
    """One line of Markdown that can neither mark up, link nor leave its table cell."""
    plain = words.line(str(text), limit).replace("\t", " ")
    safe = str(escape(plain)).replace("&#39;", "’").replace("&#34;", "”")
    return Markup(re.sub(r"([\\`*_\[\]{}|#~!@]|:(?=//))", lambda m: f"&#{ord(m[1])};", safe))
