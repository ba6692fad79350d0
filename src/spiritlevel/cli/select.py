"""`spiritlevel select`: the best of n answers to each prompt, by a reward."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spiritlevel.cli.numbers import Number

if TYPE_CHECKING:
    from spiritlevel.finetune.selection import Choice, Selection

HOME = Path("runs") / ".selections"
"""What is drawn is durable in a run of its own, which is no run of the loop."""


@click.command()
@click.argument("prompts", type=click.Path())
@click.option("--model", default="bundled", show_default=True, help="Who answers: bundled, hf:ORG/NAME, path:DIR, openai/NAME, ...")
@click.option("--reward", required=True, metavar="SPEC", help="Who chooses: path:DIR, path:A,path:B (an ensemble) or rule:NAME.")
@click.option("-n", default=16, show_default=True, type=click.IntRange(min=2), help="Answers a prompt.")
@click.option("--max-tokens", default=64, show_default=True, type=click.IntRange(min=1))
@click.option("--temperature", default=1.0, show_default=True, type=Number(min=0, min_open=True))
@click.option("--aggregate", default="mean", show_default=True, type=click.Choice(["mean", "worst", "uncertainty"]), help="Of the heads.")
@click.option("--length-control", is_flag=True, help="Take what length explains out of the scores before choosing.")
@click.option("--pairs", is_flag=True, help="Write the best over the worst answer of each prompt, as preferences, and not the best alone.")
@click.option("--cut", is_flag=True, help="Pairs: take answers that were cut at --max-tokens, too.")
@click.option("--out", type=click.Path(), default="selected.jsonl", show_default=True, help="A new file, in TRL's form.")
@click.option("--name", help="Name of the run; default: a hash of what is asked.")
@click.option("-q", "--quiet", is_flag=True, help="No progress; print only the result.")
def select(
    prompts: str,
    model: str,
    reward: str,
    n: int,
    max_tokens: int,
    temperature: float,
    aggregate: str,
    length_control: bool,
    pairs: bool,
    cut: bool,
    out: str,
    name: str | None,
    quiet: bool,
) -> None:
    """Draw n answers to each of PROMPTS and keep the one that a reward likes best.

    Kill it and give the same command: it goes on where it was.
    """
    from spiritlevel import backends
    from spiritlevel.cli.progress import bars
    from spiritlevel.cli.pushing import held
    from spiritlevel.cli.runs import database
    from spiritlevel.errors import ConfigError
    from spiritlevel.evidence import MemoryJournal, open_run
    from spiritlevel.finetune import selection
    from spiritlevel.judges.reward import open_reward
    from spiritlevel.raters.files import write_preferences
    from spiritlevel.types import Preference, content_hash

    target = Path(out)
    if target.exists() or not target.parent.is_dir():
        raise ConfigError(f"{out!r} is there already, or its folder is not; choose another name for --out")
    settings = selection.SelectSettings.model_validate(
        {"reward": reward, "n": n, "aggregate": aggregate, "length_control": length_control, "cut": cut}
        | {"sampling": {"max_tokens": max_tokens, "temperature": temperature}}
    )
    asked, ref = held(Path(prompts)), backends.resolve(model)
    pinned = open_reward(reward, MemoryJournal()).identity.id
    identity = content_hash("select", ref.key, settings, pinned, pairs, *asked)
    with (
        bars(quiet) as listener,
        open_run(HOME, name, identity, "", url=database(), quiet=quiet, listener=listener) as evidence,
    ):
        if pairs:
            preferred = evidence.step(selection.preferred, ref, asked, settings, pinned)
            count = write_preferences(target, evidence.rows(preferred.pairs, Preference))
            click.echo(f"{count} pairs of {preferred.prompts} prompts{''.join(f'; {why}: {k}' for why, k in preferred.left_out)}")
        else:
            found = evidence.step(selection.best_of_n, ref, asked, settings, pinned)
            rows = evidence.rows(found.choices, selection.Choice)
            target.write_text("".join(json.dumps(row(one, found), ensure_ascii=False) + "\n" for one in rows), "utf-8", newline="\n")
            for line in told(found):
                click.echo(line)
    click.echo(f"written: {target}")


def row(one: "Choice", of: "Selection") -> dict[str, object]:
    """A prompt with its completion as TRL has it, and what is known of the choice."""
    from spiritlevel.raters.files import messages
    from spiritlevel.types import Turn, user

    return {
        "prompt": messages(user(one.prompt.text)),
        "completion": messages((Turn(role="assistant", content=one.reply.text),)),
        "truncated": one.reply.truncated,
        "score": one.score,
        "mean": one.mean,
        "n": of.n,
        "model": of.model.spec,
        "by": of.reward.id,
        "cluster": one.prompt.cluster,
    }


def told(found: "Selection") -> Iterator[str]:
    """How much there was to choose among."""
    from spiritlevel.cli.importing import plain
    from spiritlevel.cli.telling import span

    yield f"best of {found.n} by {plain(found.reward.name)}: {found.choices.n} prompts, {found.kl:.2f} nats from the model at most"
    yield f"gain over the mean answer, in the reward's own unit: {span(found.gain)}; what was meant may have gained less, or lost"
    for count, what in (
        (found.unscored, "answers were not scored and could not be chosen"),
        (found.left_out, "prompts have no scored answer and are left out"),
        (found.tied, "prompts have one score for all answers: the first was taken"),
    ):
        if count:
            yield f"{count} {what}"
