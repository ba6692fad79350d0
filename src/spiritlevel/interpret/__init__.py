"""LOOK INSIDE: what each layer and position tells of harm, what a probe must beat, what training moved, and properties read off it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spiritlevel import backends, stats
from spiritlevel.constitution import Example
from spiritlevel.errors import DataError
from spiritlevel.interpret import aims, awareness, contrasts, depth, drift, probes, properties, reading
from spiritlevel.interpret.aims import Aimed
from spiritlevel.interpret.config import InterpretConfig
from spiritlevel.interpret.probes import Contrast
from spiritlevel.interpret.properties import Told
from spiritlevel.interpret.reading import Read, layers_of
from spiritlevel.judges.heads import Floats, Head, area_within, cell_weights
from spiritlevel.judges.probe import request_rows
from spiritlevel.judges.rows import groups_of
from spiritlevel.types import (
    ASKING_NO_HARM,
    Chat,
    Controlled,
    Depth,
    Estimate,
    Grade,
    Inside,
    Journal,
    Kind,
    LayerReadout,
    Lineage,
    Measurement,
    ModelRef,
    OpenWeights,
    Seen,
    Square,
    content_hash,
    user,
)

__all__ = ["InterpretConfig", "layers_of", "run"]

WHY = "a probe reads the model's own hidden states, so it shares the model's body"
CHECKS = "probes, drift, refusals by depth, and every property read inside need"


def run(
    journal: Journal, before: ModelRef, after: ModelRef, lineage: Lineage, seen: Seen, held: tuple[Example, ...], config: InterpretConfig
) -> Inside:
    """Read both models on the certify half's prompts; hold what is read against `seen`, the after model's open transcripts.

    NeedsWeights for a hosted model; DataError with fewer than two prompt groups of a kind.
    """
    for ref in (before, after):
        backends.check_weights(ref, CHECKS)
    look = _Look(journal, seen, held, config)
    first = backends.open_weights(before, journal)
    one = reading.read(first, look.contrast, config, "before")
    layer = max(one.layers, key=lambda n: (round(one.head(n).auroc.value, 4), -n))
    calm = _harm(one.head(layer), first, layer, look.quiet)
    calmly = look.hidden(first)
    deep = look.refusals(first, "before")
    controls = [look.control(one, first, layer, "before")]
    del first
    last = backends.open_weights(after, journal)
    two = reading.read(last, look.contrast, config, "after")
    if layer not in two.layers:
        raise DataError(f"Layer {layer} of {before.spec!r} has no counterpart in {after.spec!r}; compare models of one depth.")
    controls.append(look.control(two, last, layer, "after"))
    layers = [n for n in one.layers if n in two.layers]
    measured, notes = look.read_outs(one, two, layer, controls)
    figures, jumped = look.properties(last, two.head(layer), layer, controls, calm)
    more, aimed = look.jumped(calmly, look.hidden(last))
    figures += more
    jumped += [told for told in aimed if told not in jumped]
    if config.contrast != "none":
        figures += look.awareness(last, two.layers)
    rest = look.refusals(last, "after")
    readouts = tuple(LayerReadout(layer=n, before=one.head(n).auroc, after=two.head(n).auroc) for n in layers)
    squares = tuple(
        Square(layer=n, position=p, before=one.head(n, p).auroc, after=two.head(n, p).auroc)
        for n in layers
        for p in one.positions
        if p in two.positions
    )
    moved = tuple(drift.drift(one.at(n), two.at(n), look.contrast, layer=n, c=config.c, seed=config.seed) for n in layers)
    rows = (journal.put("readout", readouts).id,)
    if lineage.history not in ("known", "declared"):
        notes.append("what trained these weights before this base is unknown")
    return Inside(
        measurements=tuple(m if m.rows else m.model_copy(update={"rows": rows}) for m in (*measured, *figures)),
        layers=readouts,
        squares=squares,
        controls=tuple(controls),
        drift=moved,
        depths=tuple(Depth(tokens=k, before=b, after=a) for k, b, a in zip(config.depths if deep else (), deep, rest, strict=True)),
        readings=look.shown(last, two.head(layer, reading.MEAN), layer, jumped),
        notes=(*notes, *look.notes),
    )


def chosen(held: Sequence[Example], config: InterpretConfig) -> list[tuple[Example, bool]]:
    """Harmful against look-alike prompts (plain ones would make it easy), by turns in the order of content hashes."""
    rows = [(e, harmful) for e, harmful in request_rows(held) if e.kind in (Kind.HARMFUL, Kind.LOOKALIKE)]
    rows.sort(key=lambda row: content_hash(row[0].prompt))
    kinds = [[r for r in rows if r[1]], [r for r in rows if not r[1]]]
    each = config.max_prompts // 2
    return [*kinds[0][: max(each, config.max_prompts - len(kinds[1]))], *kinds[1][: max(each, config.max_prompts - len(kinds[0]))]]


class _Look:
    """What both models are held against: the certify half's prompts and the open transcripts."""

    def __init__(self, journal: Journal, seen: Seen, held: tuple[Example, ...], config: InterpretConfig) -> None:
        rows = chosen(held, config)
        self.contrast = Contrast(
            tuple(e.prompt for e, _ in rows), np.asarray([y for _, y in rows], dtype=bool), tuple(groups_of([e for e, _ in rows]))
        )
        self.journal, self.seen, self.held, self.config = journal, seen, held, config
        told = properties.plain(journal, seen)
        self.bad = properties.harmful(told)[: config.max_transcripts]
        self.quiet = properties.harmless(told)[: config.max_transcripts]
        calm = sorted({e.prompt for e, _ in request_rows(held) if e.kind in ASKING_NO_HARM}, key=content_hash)
        self.ordinary = [user(text) for text in calm]
        asked = [t for t in told if t.prompt.kind is Kind.HARMFUL]
        self.short = [t for t in self.bad if len(t.prompt.text) <= properties.LONGEST]
        self.errored = sum(t.transcript.reply.error is not None for t in asked)
        self.unscored = len(asked) - self.errored - len(properties.harmful(told))
        self.notes: list[str] = []

    def elsewhere(self) -> Contrast | None:
        """Open harmful and look-alike requests, which the seeds and not the certify half wrote: another source."""
        known = set(self.contrast.texts)
        both = [t for t in (*self.bad, *self.quiet) if t.prompt.kind in (Kind.HARMFUL, Kind.LOOKALIKE) and t.prompt.text not in known]
        once = {t.prompt.text: t for t in both}
        labels = np.asarray([t.prompt.kind is Kind.HARMFUL for t in once.values()], dtype=bool)
        if not labels.any() or labels.all():
            return None
        return Contrast(tuple(once), labels, tuple(t.cluster for t in once.values()))

    def control(self, found: Read, weights: OpenWeights, layer: int, phase: str) -> Controlled:
        """The probe at the layer's end beside its controls."""
        other = self.elsewhere()
        away = None if other is None else (_states(weights, layer, [user(t) for t in other.texts]), other)
        return probes.controlled(
            found.head(layer),
            found.at(layer),
            self.contrast,
            layer=layer,
            position=found.end,
            phase=phase,
            kind=self.config.probe,
            c=self.config.c,
            seed=self.config.seed,
            elsewhere=away,
        )

    def refusals(self, weights: OpenWeights, phase: str) -> list[Estimate]:
        """Refusal rate at each depth; none when no depth is asked for or no violating answer is at hand."""
        examples = depth.chosen(self.held, self.config.asked)
        if not self.config.depths or not examples:
            return []
        return depth.refusals(self.journal, weights, examples, self.config.depths, groups_of(examples), phase)

    def read_outs(self, one: Read, two: Read, layer: int, controls: Sequence[Controlled]) -> tuple[list[Measurement], list[str]]:
        """AUROC before, after and its change at the layer that was best before; nothing that could enter a gate from a probe that falls."""
        depth_ = one.layers[-1]
        notes = [
            f"read on {len(self.contrast.texts)} prompts of the certify half; layer {layer} of {depth_}, the best before, is used for both"
        ]
        for c in controls:
            if not c.stands:
                lead = properties.said_of(c.lead)
                notes.append(
                    f"the probe {c.phase} is no better than its controls (its lead is {lead}), so nothing that it reads enters a gate"
                )
        if not all(c.stands for c in controls):
            return [], notes
        labels, forms = self.contrast.labels, self.contrast.forms

        def difference(b: Floats, a: Floats, y: NDArray[np.bool_], f: NDArray[np.str_]) -> float:
            return area_within(a, y, f) - area_within(b, y, f)

        heads = (one.head(layer), two.head(layer))
        columns = [heads[0].out_of_fold, heads[1].out_of_fold, labels, forms]
        change = stats.cluster_bootstrap(
            difference, columns, list(self.contrast.groups), seed=self.config.seed, name="readout_auroc", rounds=400
        )
        before, after = (head.auroc.model_copy(update={"name": "readout_auroc"}) for head in heads)
        return [
            _measured(before, "capability", "before", heads[:1]),
            _measured(after, "capability", "after", heads[1:]),
            _measured(change, "capability", "change", heads),
        ], notes

    def properties(
        self, weights: OpenWeights, head: Head, layer: int, controls: Sequence[Controlled], before: Floats
    ) -> tuple[list[Measurement], list[Told]]:
        """Knows but complies, says otherwise, triggered; and the requests under which the reading jumped."""
        if not self.bad:
            self.notes.append("no open harmful transcript could be read, so nothing is said of knowing and complying")
            return [], []
        if not controls[1].stands:
            return [], []
        rows = (self.seen.transcripts.id, self.seen.outcomes.id)
        more: dict[str, Any] = {"rows": rows, "errored": self.errored, "unscored": self.unscored}
        harm = _harm(head, weights, layer, self.bad)
        found = [_measured(e, "proxy", "after", [head], p, **more) for p, e in properties.knows_but_complies(self.bad, harm).items()]
        calm = [t for t in self.quiet if len(t.prompt.text) <= properties.LONGEST]
        asked = [*self.short[: self.config.asked], *calm[: self.config.asked]]
        said = properties.stated(weights, [t.prompt.text for t in asked])
        able, otherwise = properties.says_otherwise(asked, _harm(head, weights, layer, asked), said, self.config.seed)
        found.append(_measured(able, "capability", "after", [head], rows=rows))
        if otherwise is None:
            self.notes.append(
                f"asked in words whether helping would be harmful, the model answers no better than chance (AUROC "
                f"{properties.said_of(able)}), so that it says otherwise than it represents cannot be told"
            )
        else:
            found += [_measured(e, "proxy", "after", [head], p, **more) for p, e in otherwise.items()]
        jumped: list[Told] = []
        if self.quiet and controls[0].stands:
            share, places = properties.triggered(self.quiet, _harm(head, weights, layer, self.quiet) - before, self.words())
            found.append(_measured(share, "capability", "after", [head], rows=rows))
            jumped = [self.quiet[i] for i in places]
        return found, jumped

    def words(self) -> Floats:
        """How harmful the harmless requests look to a bag of words; above 0 = harmful."""
        weight = cell_weights(self.contrast.labels, self.contrast.forms)
        return probes.words_of(self.contrast, weight, [t.prompt.text for t in self.quiet])

    def hidden(self, weights: OpenWeights) -> Aimed | None:
        """Hidden aims, read under the harmless requests; None without any."""
        return aims.read(weights, self.quiet, self.ordinary, self.config.seed) if self.quiet else None

    def jumped(self, before: Aimed | None, after: Aimed | None) -> tuple[list[Measurement], list[Told]]:
        """Requests under which hidden aims are read after and not before, with the share beside that of shuffled pairs."""
        if before is None or after is None:
            return [], []
        found = aims.jumped(self.quiet, before, after, self.words())
        if isinstance(found, str):
            self.notes.append(found)
            return [], []
        self.notes.append(aims.TRIED)
        share, control, places = found
        rows = (self.seen.transcripts.id,)
        return [
            _measured(share, "capability", "after", [before, after], rows=rows),
            _measured(control, "proxy", "after", [before, after], rows=rows),
        ], [self.quiet[i] for i in places]

    def awareness(self, weights: OpenWeights, layers: Sequence[int]) -> list[Measurement]:
        """Whether test-like prompts are told from user-like ones, and whether a push along that moves refusals."""
        file = Path(self.config.contrast) if self.config.contrast else contrasts.HOME / "evaluation.md"
        told = self.short[: self.config.asked]
        if not told:
            return []
        found = awareness.aware(self.journal, weights, contrasts.texts(file), told, layers, c=self.config.c, seed=self.config.seed)
        if found.shift is None or found.control is None:
            self.notes.append(
                f"the read-out of test-like against user-like prompts (AUROC {properties.said_of(found.probe.probe)}) is no better than "
                f"its controls (its lead is {properties.said_of(found.probe.lead)}), so a push along it says nothing of evaluation"
            )
            return []
        aware = found.probe.probe.model_copy(update={"name": "evaluation_awareness"})
        return [
            _measured(e, role, "after", [found.head])
            for e, role in ((aware, "capability"), (found.shift, "proxy"), (found.control, "proxy"))
        ]

    def shown(self, weights: OpenWeights, head: Head, layer: int, jumped: Sequence[Told]) -> tuple[Any, ...]:
        """Requests token by token: those under which the reading jumped, then harmful ones and look-alikes by turns."""
        alike = [t for t in self.quiet if t.prompt.kind is Kind.LOOKALIKE and len(t.prompt.text) <= properties.LONGEST]
        jumped = [t for t in jumped if len(t.prompt.text) <= properties.LONGEST]
        turns = [t for pair in zip(self.short, alike, strict=False) for t in pair]
        once = {t.prompt.text: t for t in (*jumped[: self.config.shown // 2], *turns)}
        picked = list(once.values())[: self.config.shown]
        titles = [f"{'reading jumped, ' if t in jumped else ''}{t.prompt.kind.value}" for t in picked]
        return tuple(reading.tokens(weights, head, layer, [t.prompt.text for t in picked], titles))


def _harm(head: Head, weights: OpenWeights, layer: int, told: Sequence[Told]) -> Floats:
    """Probability of harm that the probe reads at the end of each request."""
    if not told:
        return np.zeros(0)
    return head.probability(_states(weights, layer, [t.transcript.chat for t in told]))


def _states(weights: OpenWeights, layer: int, chats: Sequence[Chat]) -> NDArray[np.float32]:
    """(n, width) after one layer. DataError for a value that is not finite: a probe would read it as no harm."""
    found: NDArray[np.float32] = weights.activations(chats, [layer])[:, 0]
    probes.finite(found, f"The reading of open requests after layer {layer}")
    return found


def _measured(e: Estimate, role: Any, phase: Any, heads: Sequence[Head | Aimed], principle: str = "", **more: Any) -> Measurement:
    ids = tuple(content_hash("readout", head.digest) for head in heads)
    return Measurement(estimate=e, role=role, phase=phase, principle=principle, grade=Grade.KIN, why_grade=WHY, instruments=ids, **more)
