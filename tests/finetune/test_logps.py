import pytest
import torch

from spiritlevel.backends._rows import PACKS, Row, beginning, can_pack, collate
from spiritlevel.errors import ModelError
from spiritlevel.finetune._logps import check_head, logps, sequence_logps

FAMILIES = ("llama", "qwen2", "gemma2", "gemma3", "mistral", "phi")
ROWS = [Row((1, 5, 9, 7, 2), 3), Row((1, 6, 2), 2), Row((1, 8, 9, 10, 11, 12, 13, 2), 4)]


def plain(model, row):
    """The textbook form: every position through the model's own head, one row at a time, no padding."""
    out = model(input_ids=torch.tensor([row.ids]), use_cache=False).logits[0].float().log_softmax(-1)
    return torch.stack([out[at - 1, row.ids[at]] for at in range(row.start, len(row.ids))])


@pytest.mark.parametrize("family", FAMILIES)
def test_logps_equal_the_models_own_forward_and_do_not_depend_on_the_batch(tiny, family):
    model = tiny(family)
    expected = torch.cat([plain(model, row) for row in ROWS])
    together = logps(model, collate(ROWS))
    alone = torch.cat([logps(model, collate([row])) for row in ROWS])
    torch.testing.assert_close(together, expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(alone, together, rtol=0, atol=1e-5)
    check_head(model, ROWS[0])


ALIKE = [Row((1, 4, 6, *rest), start) for rest, start in (((5, 9, 7, 2), 5), ((6, 2), 4), ((8, 9, 10, 11, 12, 13, 2), 6), ((6, 2), 4))]


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3"])
def test_packed_rows_are_scored_and_learnt_from_as_if_each_stood_alone(tiny, family):
    model = tiny(family).requires_grad_(True)
    assert can_pack(model)
    packed = collate(ALIKE, pack=True)
    assert beginning(ALIKE) == 3
    assert packed.ids.shape == (1, 3 + 4 + 2 + 7 + 2), "the common beginning is there once"
    grads = []
    for score in (lambda: logps(model, packed), lambda: torch.cat([plain(model, row) for row in ALIKE])):
        model.zero_grad()
        found = score()
        (found * torch.linspace(1, 2, len(found))).sum().backward()
        grads.append((found.detach(), {name: p.grad.clone() for name, p in model.named_parameters()}))
    torch.testing.assert_close(grads[0][0], grads[1][0], rtol=0, atol=1e-5)
    for name, grad in grads[0][1].items():
        torch.testing.assert_close(grad, grads[1][1][name], rtol=1e-4, atol=1e-5)


def test_what_cannot_be_packed_is_padded(tiny, monkeypatch):
    assert "gemma2" not in PACKS
    assert not can_pack(tiny("gemma2"))
    assert collate(ROWS[:1], pack=True).positions is None, "one row has nothing to share"
    assert collate([Row((1, 5, 2), 2), Row((3, 5, 2), 2)], pack=True).positions is None, "nor have rows that begin apart"
    monkeypatch.setattr("spiritlevel.backends._rows.MOST_PACKED", 17)
    assert collate(ALIKE, pack=True).positions is None, "18 tokens would be too long a line"


def test_soft_capping_is_seen(tiny):
    model = tiny("gemma2")
    capped = logps(model, collate(ROWS))
    model.config.final_logit_softcapping = None
    assert (logps(model, collate(ROWS)) - capped).abs().max() > 0.1


def test_padding_is_by_length_so_the_pad_id_may_be_a_label(tiny):
    model = tiny()
    by_eos, by_zero = collate(ROWS, pad=2), collate(ROWS, pad=0)
    assert (by_eos.labels == 2).sum() == 3, "EOS is a label of every row although it is also the padding"
    assert by_eos.counts == (2, 1, 4)
    torch.testing.assert_close(logps(model, by_eos), logps(model, by_zero), rtol=0, atol=1e-6)


@pytest.mark.parametrize("chunk", [2, 64])
def test_gradients_equal_the_plain_form(tiny, monkeypatch, chunk):
    monkeypatch.setattr("spiritlevel.finetune._logps.CHUNK", chunk)
    model = tiny().requires_grad_(True)
    logps(model, collate(ROWS)).mean().backward()
    ours = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    torch.cat([plain(model, row) for row in ROWS]).mean().backward()
    for name, p in model.named_parameters():
        torch.testing.assert_close(ours[name], p.grad, rtol=1e-4, atol=1e-6)


def test_sequence_logps_sum_by_row(tiny):
    flat = torch.tensor([-1.0, -2.0, -4.0, -8.0, -1.0, -1.0, -1.0])
    assert sequence_logps(flat, (2, 1, 4)).tolist() == [-3.0, -4.0, -11.0]


def test_a_float32_head_adds_no_rounding_to_bfloat16_hidden_states(tiny):
    model = tiny().to(torch.bfloat16)
    batch = collate(ROWS)
    hidden = model.model(input_ids=batch.ids, attention_mask=batch.attention, use_cache=False).last_hidden_state
    exact = (hidden.flatten(0, 1)[batch.where].double() @ model.lm_head.weight.double().T).log_softmax(-1)
    exact = exact.gather(1, batch.labels[:, None]).squeeze(1)
    rough, better = logps(model, batch), logps(model, batch, float32_head=True)
    assert rough.dtype == better.dtype == torch.float32
    assert (better - exact).abs().max() < 1e-5 < (rough - exact).abs().max()


def test_a_head_that_we_do_not_know_is_an_error_not_a_wrong_loss(tiny):
    model = tiny()
    forward = model.forward

    def louder(**kwargs):
        out = forward(**kwargs)
        out.logits = out.logits * 3
        return out

    model.forward = louder
    with pytest.raises(ModelError, match="'llama' computes its logits"):
        check_head(model, ROWS[0])
