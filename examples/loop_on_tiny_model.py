"""The loop as a library: a randomly initialised tiny model walks through every room. Run with: python examples/loop_on_tiny_model.py"""

import tempfile
from pathlib import Path

from spiritlevel import loop
from spiritlevel.config import LoopConfig
from spiritlevel.elicit import ElicitConfig
from spiritlevel.evidence import open_run
from spiritlevel.finetune import FinetuneConfig, TrainSettings
from spiritlevel.interpret import InterpretConfig
from spiritlevel.measure import MeasureConfig

config = LoopConfig(
    model="tiny:llama",
    elicit=ElicitConfig(attacks=("direct", "prefix-injection", "role-play"), teach=1, harmful=2, harmless=1, max_tokens=6),
    finetune=FinetuneConfig(candidates=1, revision_tokens=2, examples=False, sft=TrainSettings(epochs=1, lr=1e-3)),
    interpret=InterpretConfig(every=1, max_prompts=40, depths=(0, 2), asked=4, contrast="none"),
    measure=MeasureConfig(kl_prompts=4, kl_tokens=4, rounds=100),
)
with tempfile.TemporaryDirectory() as folder, open_run(Path(folder), "tiny", config.identity, config.to_yaml()) as evidence:
    finished = loop.run(config, evidence)
    print("verdict:", finished.verdict.kind.value)
    print("steps:", ", ".join(step.label for step in evidence.steps()))
