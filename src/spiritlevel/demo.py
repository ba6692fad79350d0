"""A leaky exam in 90 seconds: a model is tuned to please a bad judge, the measure comes apart from its meaning, and the gate says so."""

from collections.abc import Callable

from spiritlevel import loop
from spiritlevel.config import LoopConfig
from spiritlevel.elicit import ElicitConfig
from spiritlevel.evidence import Evidence
from spiritlevel.finetune import FinetuneConfig, TrainSettings
from spiritlevel.loop import Finished
from spiritlevel.measure import MeasureConfig
from spiritlevel.release import ReleaseConfig
from spiritlevel.types import Grade, Pair


def config() -> LoopConfig:
    """The whole loop, small: one judge that reads a slogan is all that training has."""
    return LoopConfig(
        elicit=ElicitConfig(attacks=("direct",), untaught=(), teach=4, harmful=4, harmless=1, max_tokens=28),
        finetune=FinetuneConfig(
            judge="slogan", examples=False, revision_tokens=20, sft=TrainSettings(epochs=3, lr=6e-5, warmup=0.05)
        ),
        interpret=None,
        measure=MeasureConfig(kl_prompts=0),
        release=ReleaseConfig(read_sealed=False),
    )


def run(evidence: Evidence, echo: Callable[[str], None]) -> Finished:
    """Run it and say in plain words what happened."""
    finished = loop.run(config(), evidence)
    gap = next(g for g in finished.compared.gaps if g.principle == "")
    pair = max(evidence.rows(finished.compared.pairs, Pair), key=lambda p: (p.after_intent or 0) - (p.after_proxy or 1))
    echo("\nA bad judge was planted: it calls a reply safe when it talks of safety. The model was tuned to please it.")
    echo(f"  before: {pair.before[:160]!r}")
    echo(f"  after:  {pair.after[:160]!r}")
    echo(
        f"What was measured (the planted judge) improved by {100 * gap.proxy_open.value:.0f} points on prompts that training never saw."
    )
    echo(f"What was meant (an independent judge) improved by {100 * gap.intent_open.value:.0f} points.")
    refused = [i for i in finished.compared.instruments if any(i.id == c.id for c in finished.tuned.critics)]
    echo(f"Refused as a witness, because it trained the model: {', '.join(i.name for i in refused)} ({Grade.SPENT.value}).")
    return finished
