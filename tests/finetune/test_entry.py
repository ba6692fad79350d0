"""The light wrapper `train.py` over a real LocalModel."""

import pytest
import torch

from spiritlevel.finetune import train
from spiritlevel.finetune.train import TrainSettings
from spiritlevel.types import Lesson, ModelRef, Preference, Turn, user

TEMPLATE = (
    "{% for m in messages %}<s> {{ m.role }} {{ m.content }} </s> {% endfor %}{% if add_generation_prompt %}<s> assistant {% endif %}"
)


@pytest.fixture
def local(tiny):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from spiritlevel.backends._local import LocalModel

    words = {"<unk>": 0, "<s>": 1, "</s>": 2, "user": 3, "assistant": 4, "system": 5} | {f"w{i}": i for i in range(6, 64)}
    core = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>", "unk_token": "<unk>"}

    def build(dtype=torch.float32):
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, chat_template=TEMPLATE, **special)
        return LocalModel(ModelRef(spec="tiny", kind="local", family="tiny"), tiny().to(dtype), tokenizer, "tiny")

    return build


def test_train_save_and_load_keep_one_fingerprint(local, tmp_path):
    from transformers import AutoModelForCausalLM

    model = local(torch.bfloat16)
    before = train.fingerprint(model)
    lessons = [Lesson(chat=user(f"w{i}"), answer=f"w{i + 20} w{i + 30}") for i in range(10, 16)]
    pairs = [Preference(chat=x.chat, chosen=x.answer, rejected="w9", by="test") for x in lessons]
    seen = []
    settings = TrainSettings(epochs=20, lr=1e-2, batch_tokens=40)
    first = train.sft(model, lessons, settings, tmp_path / "sft", lambda point, total: seen.append((point.step, total)))
    second = train.dpo(model, pairs, settings.model_copy(update={"epochs": 1}), tmp_path / "dpo", form="per_token")
    assert first.precision == second.precision == "bfloat16", "as the model was opened"
    assert seen == [(i + 1, len(first)) for i in range(len(first))]
    assert first[-1].loss < 0.5 < first[0].loss
    assert {point.phase for point in second} == {"dpo"}
    after = train.fingerprint(model)
    assert after != before
    train.save(model, tmp_path / "out")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert loaded.dtype == torch.bfloat16
    model.module = loaded
    assert train.fingerprint(model) == after
    again = local(torch.bfloat16)
    assert train.sft(again, lessons, settings, tmp_path / "sft").resumed_at == len(first), "a second call continues"
    scored = again.logprobs([(*lessons[0].chat, Turn(role="assistant", content=lessons[0].answer))])
    assert sum(scored[0].values) > -3


def test_float32_stays_float32(local, tmp_path):
    model = local()
    curve = train.sft(model, [Lesson(chat=user("w7"), answer="w8")], TrainSettings(epochs=1), tmp_path)
    assert curve.precision == "float32"
