"""`spiritlevel policy`: optimise a policy against a reward."""

from pathlib import Path

import click

from spiritlevel.cli.numbers import Number

HOME = Path("runs") / ".policies"
"""A policy is optimised in a run of its own; its checkpoints are blobs there."""


@click.command()
@click.argument("prompts", type=click.Path())
@click.option("--model", default="bundled", show_default=True, help="The policy to begin with: bundled, hf:ORG/NAME, path:DIR.")
@click.option("--reward", required=True, metavar="SPEC", help="path:DIR, path:A,path:B (an ensemble) or rule:NAME.")
@click.option("--log", "logged", multiple=True, metavar="SPEC", help="Score with this too, and do not train on it (again for more).")
@click.option("--algorithm", default="rloo", show_default=True, type=click.Choice(["rloo", "grpo", "dr_grpo", "ppo"]))
@click.option("--aggregate", default="mean", show_default=True, type=click.Choice(["mean", "worst", "uncertainty"]), help="Of the heads.")
@click.option("--steps", default=100, show_default=True, type=click.IntRange(min=1))
@click.option("--samples", default=4, show_default=True, type=click.IntRange(min=2), help="Answers a prompt.")
@click.option("--batch", default=16, show_default=True, type=click.IntRange(min=1), help="Prompts a step.")
@click.option("--max-tokens", default=64, show_default=True, type=click.IntRange(min=1))
@click.option("--lr", default=3e-6, show_default=True, type=Number(min=0, min_open=True))
@click.option("--beta", default=0.05, show_default=True, type=Number(min=0), help="Weight of the KL to the start.")
@click.option("--kl-budget", type=Number(min=0, min_open=True), help="Stop when the sequence KL in nats is above this.")
@click.option("--checkpoint-every", default=25, show_default=True, type=click.IntRange(min=1))
@click.option("--seed", default=0, show_default=True)
@click.option("--name", help="Name of the run; default: a hash of its configuration.")
@click.option("-q", "--quiet", is_flag=True, help="No progress; print only the result.")
def policy(
    prompts: str,
    model: str,
    reward: str,
    logged: tuple[str, ...],
    algorithm: str,
    aggregate: str,
    steps: int,
    samples: int,
    batch: int,
    max_tokens: int,
    lr: float,
    beta: float,
    kl_budget: float | None,
    checkpoint_every: int,
    seed: int,
    name: str | None,
    quiet: bool,
) -> None:
    """Optimise a policy on PROMPTS (JSON lines, or another tool's prompt file) against a reward; checkpoints with their lineage."""
    from spiritlevel import backends
    from spiritlevel.cli.progress import bars
    from spiritlevel.cli.pushing import held
    from spiritlevel.cli.runs import database
    from spiritlevel.evidence import open_run
    from spiritlevel.finetune.policy import PolicySettings, optimised
    from spiritlevel.judges.reward import open_reward
    from spiritlevel.types import PolicyPoint, Side, content_hash

    asked = tuple(p.model_copy(update={"side": Side.TEACH}) for p in held(Path(prompts)))
    settings = PolicySettings.model_validate(
        {
            "algorithm": algorithm,
            "steps": steps,
            "lr": lr,
            "seed": seed,
            "checkpoint_every": checkpoint_every,
            "rollouts": {"prompts": batch, "samples": samples, "max_tokens": max_tokens},
            "scoring": {"reward": reward, "log": logged, "aggregate": aggregate},
            "kl": {"beta": beta, "budget": kl_budget},
        }
    )
    ref = backends.resolve(model)
    identity = content_hash(ref.key, settings, *asked)
    with (
        bars(quiet) as listener,
        open_run(Path(), name, identity, "", url=database(), quiet=quiet, listener=listener) as evidence,
    ):
        pinned = tuple(open_reward(spec, evidence).identity.id for spec in (reward, *logged))  # type: ignore[arg-type]  # needs its blobs alone
        found = evidence.step(optimised, ref, asked, settings, pinned)
        points = evidence.rows(found.curve, PolicyPoint)
        for point in (points[0], points[-1]):
            also = "".join(f", {who} {value:.3f} (not trained on)" for who, value in point.scores)
            click.echo(
                f"step {point.step}: reward {point.reward:.3f}, KL {point.kl:.2f} nats ({point.kl_low:.2f} to {point.kl_high:.2f}, "
                f"noise floor {found.kl_floor:.2f}), {point.length:.0f} tokens, {point.cut:.0%} cut{also}"
            )
        for one in found.checkpoints[1:]:
            click.echo(f"step {one.step}: path:{evidence.path(one.ref.spec.removeprefix('blob:'))}")
        if found.stopped:
            click.echo(f"ended early: {found.stopped}")
        click.echo(
            f"look along its way: spiritlevel gap --run {evidence.name} --prompts HELD-OUT --proxy {reward} --intent SPEC, "
            "a SPEC that trained nothing"
        )
