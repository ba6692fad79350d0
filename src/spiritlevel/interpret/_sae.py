"""A top-k sparse autoencoder (Gao et al. 2024, section 2), small enough for a CPU."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float32]
AUX = 1 / 32
"""Weight of what dead features make of the error (Gao et al. 2024, section 2.3)."""
SILENT = 10
"""Batches without activity after which a feature counts as dead while training."""


class Sae:
    """x ~ (top k of encode(x)) decoder + bias, on standardised x. Decoder rows have norm 1."""

    def __init__(self, width: int, features: int, k: int, seed: int) -> None:
        noise = torch.randn(features, width, generator=torch.Generator().manual_seed(seed))
        self.decoder = noise / noise.norm(dim=1, keepdim=True)
        self.encoder, self.inner = self.decoder.clone(), torch.zeros(features)
        self.bias, self.k = torch.zeros(width), k

    @property
    def parameters(self) -> list[Tensor]:
        """What is trained."""
        return [self.encoder, self.inner, self.decoder, self.bias]

    def pre(self, x: Tensor) -> Tensor:
        """(n, features) before the choice of k."""
        return torch.relu((x - self.bias) @ self.encoder.T + self.inner)

    def encode(self, x: Tensor) -> Tensor:
        """(n, features), k of them not zero at most."""
        return top(self.pre(x), self.k)

    def decode(self, codes: Tensor) -> Tensor:
        """(n, width)."""
        return codes @ self.decoder + self.bias


def top(x: Tensor, k: int) -> Tensor:
    """The k largest of each row; the others are 0."""
    values, places = x.topk(k, -1)
    return torch.zeros_like(x).scatter_(-1, places, values)


def train(x: Floats, features: int, k: int, *, epochs: int, lr: float, batch: int, seed: int, progress: Callable[[int, int], None]) -> Sae:
    """Adam on the squared error, with dead features made to explain what is left over."""
    data = torch.from_numpy(x)
    sae = Sae(data.shape[1], features, k, seed)
    sae.bias = data.mean(0)
    for p in sae.parameters:
        p.requires_grad_(True)
    optimiser = torch.optim.Adam(sae.parameters, lr=lr)
    generator = torch.Generator().manual_seed(seed)
    quiet = torch.zeros(features)
    steps = epochs * -(-len(data) // batch)
    done = 0
    for _ in range(epochs):
        for rows in torch.randperm(len(data), generator=generator).split(batch):
            seen = data[rows]
            pre = sae.pre(seen)
            codes = top(pre, k)
            error = seen - sae.decode(codes)
            loss = error.square().sum(-1).mean()
            quiet = torch.where((codes > 0).any(0), 0, quiet + 1)
            dead = quiet >= SILENT
            if int(dead.sum()) >= k:
                spare = top(pre * dead, min(2 * k, int(dead.sum())))
                loss = loss + AUX * (error.detach() - spare @ sae.decoder).square().sum(-1).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            with torch.no_grad():
                sae.decoder /= sae.decoder.norm(dim=1, keepdim=True)
            done += 1
            progress(done, steps)
    for p in sae.parameters:
        p.requires_grad_(False)
    return sae


def encoded(sae: Sae, x: Floats, batch: int = 4096) -> tuple[NDArray[np.int32], Floats, Floats]:
    """(n, k) features and their activations, and the squared error of each row."""
    places, values, errors = [], [], []
    with torch.inference_mode():
        for rows in torch.from_numpy(x).split(batch):
            codes = sae.encode(rows)
            found = codes.topk(sae.k, -1)
            places.append(found.indices.int().numpy())
            values.append(found.values.numpy())
            errors.append((rows - sae.decode(codes)).square().sum(-1).numpy())
    return np.concatenate(places), np.concatenate(values), np.concatenate(errors)


def promoted(module: object, directions: Floats, most: int) -> NDArray[np.int64]:
    """(n, most) ids of the tokens whose logits directions (n, width) raise most, straight through the head."""
    head = module.get_output_embeddings().weight.detach().float().cpu()  # type: ignore[attr-defined]
    scores = torch.from_numpy(directions) @ head.T
    found: NDArray[np.int64] = scores.topk(most, -1).indices.numpy()
    return found
