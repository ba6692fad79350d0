"""Which side of the firewall a scenario lies on: by its unwrapped request, as prompts do."""

from collections.abc import Sequence

from spiritlevel import firewall
from spiritlevel.constitution import Constitution
from spiritlevel.elicit.tools.scenario import SOURCE, Scenario
from spiritlevel.types import Kind, Prompt, Side


def sided(
    scenarios: Sequence[Scenario],
    law: Constitution,
    prompts: Sequence[Prompt],
    trained_on: Sequence[str],
    shares: tuple[float, float, float],
) -> dict[str, Prompt]:
    """Each scenario's request with cluster and side, by the scenario's id. `prompts`: those of the same run, sides given.

    A side that its file declares holds; else the cluster's hash decides. What is near a taught example, a teach prompt or training
    data is teach, and left out where its file says open.
    """
    taught = [*(e.prompt for e in law.teach), *trained_on, *(p.goal for p in prompts if p.side is Side.TEACH)]
    placed = firewall.assign([request(one) for one in scenarios], teach_texts=taught, shares=shares)
    return {p.id: p for p in placed}


def request(scenario: Scenario) -> Prompt:
    """The unwrapped request: what the attacker wants, or what the user asks where the user is the one who misuses."""
    text = scenario.want if scenario.injected else scenario.task
    plain = Prompt(id=scenario.id, text=text, goal=text, principle=scenario.principle, kind=Kind.HARMFUL, source=SOURCE)
    # a field that was given counts as declared
    return plain if scenario.side is None else plain.model_copy(update={"side": scenario.side})
