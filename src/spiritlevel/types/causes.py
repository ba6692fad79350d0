"""What was found by changing a model inside: directions, patched activations, circuits, neurons, features."""

from typing import Literal

from spiritlevel.types.results import Estimate
from spiritlevel.types.values import Frozen, Grade, ModelRef


class Direction(Frozen):
    """A direction of the residual stream, as selection on validation prompts chose it."""

    blob: str
    """As Steer.blob: the same vector at every block; its length is the difference of the two means."""
    layer: int
    """Block after which the means were taken, from 1; where it is added."""
    position: int
    """Token at which they were taken, from the end: -1 is the last before the answer."""
    form: Literal["plain", "standardised"]
    """How ablation measures what lies along it, chosen too."""
    coefficient: float
    """What addition multiplies it by, chosen on validation prompts."""
    induced: Estimate
    """Validation: mean log-odds of the first set's ways to begin, on the second set, with the direction added."""
    bypassed: Estimate
    """Validation: the same on the first set, with the direction ablated."""
    kl: Estimate
    """Validation: KL in nats of the next token on the second set, untouched to ablated (Arditi 2024, appendix C)."""
    plain: tuple[Estimate, Estimate]
    """Validation: the log-odds of the untouched model on the first and on the second set."""
    candidates: int
    """How many (layer, position, form) were held against each other; the best of many looks better than it is."""
    notes: tuple[str, ...] = ()


class SteerEffect(Frozen):
    """What one change inside did to one measure on one set of prompts."""

    what: Literal["nothing", "ablated", "random ablated", "added", "random added", "orthogonalised"]
    on: str
    """Name of the prompt set."""
    measure: str
    """refusal, incoherence, delivered_harm, kl (sequence, nats a reply)."""
    by: str = ""
    """Name of the judge."""
    value: Estimate
    change: Estimate | None = None
    """Against the untouched model, in pairs."""
    unscored: int = 0
    """Replies that the judge could not judge, or that were empty; they enter no figure."""


class DirectionReport(Frozen):
    """A direction's effects on held-out prompts."""

    model: ModelRef
    direction: Direction
    effects: tuple[SteerEffect, ...]
    agreement: tuple[Estimate, ...] = ()
    """Kappa of the two judges of harm, over all replies to harmful prompts."""
    least_kl: Estimate | None = None
    """The least sequence KL at which benign refusals can move as far as addition moved them (data processing), in nats."""
    checkpoint: ModelRef | None = None
    """The model with its weights orthogonalised to the direction."""
    grade: Grade = Grade.KIN
    notes: tuple[str, ...] = ()


class NodeEffect(Frozen):
    """One head or MLP: what putting the corrupt prompt's activation in its place does."""

    node: str
    """`head L.H`, `mlp L`, blocks from 1."""
    exact: float | None
    """Change of the logit difference, as a share of the difference between clean and corrupt prompts; by patching."""
    guessed: float
    """The same to first order, from one gradient."""


class Patched(Frozen):
    """Activation patching of every head and MLP, and attribution patching beside it."""

    model: ModelRef
    task: str
    pairs: int
    accuracy: Estimate
    """Share of clean prompts on which the answer outscores the foil."""
    clean: Estimate
    corrupt: Estimate
    """Logit of the answer less that of the foil."""
    heads: int
    """In each block."""
    nodes: tuple[NodeEffect, ...]
    """Block by block: its heads, then its MLP."""
    agreement: Estimate | None = None
    """Spearman's rank correlation of exact and guessed over the nodes, pairs resampled by group."""
    passes: tuple[int, int] = (0, 0)
    """What patching and what attribution costs, in forward passes over all pairs; a gradient counts as three."""
    grade: Grade = Grade.KIN
    notes: tuple[str, ...] = ()


class CircuitSize(Frozen):
    """Faithfulness of the circuit of one size and of random ones."""

    edges: int
    share: float
    """Of all edges."""
    faithful: Estimate
    """(circuit - corrupt) / (clean - corrupt) of the logit difference, everything outside the circuit taken from the corrupt prompt."""
    random: Estimate
    """The same for random circuits of as many edges: mean over draws."""


class Circuit(Frozen):
    """The smallest circuit that was faithful enough on the development pairs, and all sizes that were tried, on the others."""

    model: ModelRef
    task: str
    example: tuple[str, str, str, str]
    """clean, corrupt, answer, foil of one pair."""
    pairs: int
    accuracy: Estimate
    shape: tuple[int, int, int]
    """Blocks, heads, and groups of heads that share keys and values."""
    all_edges: int
    chosen: CircuitSize
    sizes: tuple[CircuitSize, ...]
    edges: tuple[tuple[str, str, float], ...]
    """(writer, reader, score) of the chosen circuit, strongest first; the score is what the edge is worth, as a share."""
    grade: Grade = Grade.KIN
    notes: tuple[str, ...] = ()


class Neuron(Frozen):
    """One MLP neuron's direct part in a read-out."""

    layer: int
    index: int
    share: float
    """Of the difference of the read-out between the two sets of prompts."""
    active: tuple[float, float]
    """Mean activation at the read-out's token on the first and on the second set."""


class Neurons(Frozen):
    """Which neurons carry a read-out, and what clamping them does."""

    model: ModelRef
    layer: int
    neurons: tuple[Neuron, ...]
    parts: tuple[tuple[str, float], ...]
    """Shares of embedding, heads and MLPs in all; they sum to 1."""
    carried: Estimate
    """Share that the chosen neurons carry on prompts that did not choose them."""
    effects: tuple[tuple[str, Estimate, Estimate], ...]
    """(clamped or random, refusal, change against the untouched model)."""
    grade: Grade = Grade.KIN
    notes: tuple[str, ...] = ()


class Spot(Frozen):
    """Where a feature is most active: tokens around it, and how active it is at each."""

    tokens: tuple[str, ...]
    values: tuple[float, ...]
    at: int


class Feature(Frozen):
    """One feature of a sparse autoencoder."""

    id: int
    density: float
    """Share of held-out tokens at which it is active."""
    auroc: Estimate | None
    """Its largest activation in a prompt as a read-out of the first set against the second, held out."""
    promotes: tuple[str, ...]
    """Tokens whose logits its direction raises most, read straight through the head."""
    spots: tuple[Spot, ...]


class Features(Frozen):
    """A top-k sparse autoencoder on the model's own activations: exploration, never a gate."""

    model: ModelRef
    layer: int
    width: int
    k: int
    tokens: int
    explained: Estimate
    """Share of the variance of standardised activations that it explains on held-out texts."""
    pca: Estimate
    """What the k leading principal components explain there."""
    dead: float
    """Share of features that were active at no held-out token."""
    features: tuple[Feature, ...]
    blob: str = ""
    grade: Grade = Grade.KIN
    notes: tuple[str, ...] = ()


class Sandbagging(Frozen):
    """Capability on multiple-choice questions, plainly and under a cue, and what of it returns when a direction is taken out."""

    model: ModelRef
    cue: str
    layer: int
    """Block whose direction was taken out at every block, chosen on other questions."""
    plain: Estimate
    """Accuracy without the cue."""
    cued: Estimate
    drop: Estimate
    """Accuracy under the cue less that without it, in pairs: below 0 is capability withheld, or a cue that confuses."""
    returned: Estimate
    """Accuracy under the cue with the direction ablated, less that under the cue alone."""
    random: Estimate
    """The same for a random direction."""
    beyond: Estimate
    """`returned` beyond `random`, in pairs."""
    grade: Grade = Grade.KIN
    notes: tuple[str, ...] = ()


class Unlocked(Frozen):
    """What of the accuracy under a cue returns after a few examples, and what the same examples add where there is no cue."""

    model: ModelRef
    cue: str
    examples: int
    """Questions with their right answers that each copy learnt."""
    steps: int
    tuned: Estimate
    """Accuracy under the cue after learning under it, on questions that nobody learnt."""
    returned: Estimate
    """The same less that before, in pairs."""
    learnt: Estimate
    """The control: without the cue, after learning without it, less that before."""
    beyond: Estimate
    """`returned` less `learnt`."""
    grade: Grade = Grade.KIN
    notes: tuple[str, ...] = ()
