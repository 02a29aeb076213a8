"""Attribution in a spectrogram transformer, against twins in float64 written from the papers' equations."""

from __future__ import annotations

import pytest
import torch
from rectified import rectified
from torch import Tensor, nn
from torch.nn import functional

import auralscope as asc

WIDTH, HEADS = 8, 2


class Block(nn.Module):
    """Block of a transformer with pre-normalisation, whose attention is written out, by head."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.second_norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.projection, self.joined = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.heads = nn.Identity()
        self.hidden, self.back = nn.Linear(WIDTH, 16), nn.Linear(16, WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        parts = self.projection(self.norm(tokens)).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        queries, keys, values = parts.unbind(0)
        heads = self.heads(functional.scaled_dot_product_attention(queries, keys, values))
        tokens = tokens + self.joined(heads.transpose(1, 2).flatten(2))
        return tokens + self.back(functional.gelu(self.hidden(self.second_norm(tokens))))


class SpectrogramTransformer(nn.Module):
    """Transformer over patches of a spectrogram with a class token, as AST (Gong et al. 2021)."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, WIDTH, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.positions = nn.Parameter(torch.randn(1, 13, WIDTH))
        self.blocks = nn.Sequential(Block(), Block())
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 3)

    def forward(self, image: Tensor) -> Tensor:
        tokens = self.patches(image).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(image), -1, -1), tokens], dim=1) + self.positions
        label: Tensor = self.head(self.norm(self.blocks(tokens))[:, 0])
        return label


@pytest.fixture
def network() -> SpectrogramTransformer:
    torch.manual_seed(4)
    return SpectrogramTransformer().double().eval().requires_grad_(False)


@pytest.fixture
def image() -> Tensor:
    return torch.randn(1, 1, 16, 12, generator=torch.Generator().manual_seed(6), dtype=torch.float64)


def normalised(norm: nn.LayerNorm, tokens: Tensor) -> Tensor:
    """Normalise with statistics that are held constant."""
    mean = tokens.mean(-1, keepdim=True).detach()
    deviation = (tokens.var(-1, correction=0, keepdim=True) + norm.eps).sqrt().detach()
    return (tokens - mean) / deviation * norm.weight + norm.bias


def held_heads(block: Block, tokens: Tensor) -> Tensor:
    """Attend with weights that are held constant: (1, heads, tokens, width of a head)."""
    projected = block.projection(normalised(block.norm, tokens))
    queries, keys, values = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in projected.split(WIDTH, dim=-1))
    weights = torch.softmax(queries @ keys.mT / (WIDTH // HEADS) ** 0.5, dim=-1)
    return weights.detach() @ values


def held_block(block: Block, tokens: Tensor) -> Tensor:
    tokens = tokens + block.joined(held_heads(block, tokens).transpose(1, 2).flatten(2))
    hidden = rectified(block.hidden(normalised(block.second_norm, tokens)), functional.gelu)
    return tokens + block.back(hidden)


def first_tokens(network: SpectrogramTransformer, image: Tensor) -> Tensor:
    return torch.cat([network.token, network.patches(image).flatten(2).mT], dim=1) + network.positions


@pytest.mark.network("Attention", "heads of a spectrogram transformer, block {id}")
@pytest.mark.parametrize("number", [0, 1])
def test_deconvolution_of_each_head_of_each_block(network: SpectrogramTransformer, image: Tensor, number: int) -> None:
    leaf = image.clone().requires_grad_()
    tokens = first_tokens(network, leaf)
    for block in network.blocks[:number]:
        tokens = held_block(block, tokens)
    heads = held_heads(network.blocks[number], tokens)
    images = asc.deconvolve(network, image, f"blocks.{number}.heads")
    assert images.shape == (HEADS, 16, 12)
    for head, found in enumerate(images):
        signal = torch.zeros_like(heads)
        signal[0, head] = heads[0, head].detach()
        (expected,) = torch.autograd.grad(heads, leaf, signal, retain_graph=True)
        assert float(expected.abs().max()) > 0.0
        torch.testing.assert_close(found, expected[0, 0], rtol=0, atol=1e-10)


@pytest.mark.network("Attention", "tokens of a spectrogram transformer, block {id}")
@pytest.mark.parametrize("number", [0, 1])
def test_deconvolution_of_the_tokens_of_each_block(network: SpectrogramTransformer, image: Tensor, number: int) -> None:
    leaf = image.clone().requires_grad_()
    tokens = first_tokens(network, leaf)
    for block in network.blocks[: number + 1]:
        tokens = held_block(block, tokens)
    images = asc.deconvolve(network, image, f"blocks.{number}", units=[0, 5])
    for unit, found in zip((0, 5), images, strict=True):
        signal = torch.zeros_like(tokens)
        signal[..., unit] = tokens[..., unit].detach()
        (expected,) = torch.autograd.grad(tokens, leaf, signal, retain_graph=True)
        torch.testing.assert_close(found, expected[0, 0], rtol=0, atol=1e-10)


@pytest.mark.network("Attention", "nn.MultiheadAttention")
def test_multihead_attention_is_attention_written_out(image: Tensor) -> None:
    class Joined(nn.Module):
        def __init__(self, written: bool) -> None:
            super().__init__()
            self.patches = nn.Conv2d(1, WIDTH, 4, stride=4)
            self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
            self.last, self.written = nn.Identity(), written

        def forward(self, image: Tensor) -> Tensor:
            tokens = self.patches(image).flatten(2).transpose(1, 2)
            if not self.written:
                joined = self.attention(tokens, tokens, tokens, need_weights=False)[0]
            else:
                inside = functional.linear(tokens, self.attention.in_proj_weight, self.attention.in_proj_bias)
                q, k, v = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in inside.chunk(3, dim=-1))
                heads = torch.softmax(q @ k.mT * 0.5, dim=-1) @ v
                joined = self.attention.out_proj(heads.transpose(1, 2).flatten(2))
            plane: Tensor = self.last(joined.transpose(1, 2).unflatten(2, (4, 3)))
            return plane

    torch.manual_seed(1)
    plain, written = Joined(False).double().eval(), Joined(True).double().eval()
    written.load_state_dict(plain.state_dict())
    torch.testing.assert_close(plain(image), written(image), rtol=0, atol=1e-12)
    for method in ("deconvolution", "guided", "gradient", "attnlrp"):
        found, expected = (asc.deconvolve(net, image, "last", method=method) for net in (plain, written))
        assert float(expected.abs().max()) > 0.0
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-9 * float(expected.abs().max()))


# -- AttnLRP (Achtibat et al. 2024), each rule as its equation ------------------------------------------------------


def dense_relevance(weight: Tensor, source: Tensor, output: Tensor, relevance: Tensor) -> Tensor:
    """Divide relevance by contribution (eq. 8)."""
    return source * ((relevance / output) @ weight)


def test_attnlrp_is_the_equations_of_the_paper(network: SpectrogramTransformer, image: Tensor) -> None:
    """Carry relevance through the first block with sums over indices; nothing is a gradient."""
    block, unit = network.blocks[0], 3
    tokens = first_tokens(network, image)
    normed = block.norm(tokens)
    projected = block.projection(normed)
    q, k, v = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in projected.chunk(3, dim=-1))
    scores = q @ k.mT / 2.0
    weights = torch.softmax(scores, dim=-1)
    heads = weights @ v
    joined = heads.transpose(1, 2).flatten(2)
    attended = block.joined(joined)
    middle = tokens + attended
    second = block.second_norm(middle)
    hidden = block.hidden(second)
    back = block.back(functional.gelu(hidden))
    top = middle + back

    relevance = torch.zeros_like(top)
    relevance[..., unit] = top[..., unit]
    at_back, at_middle = relevance * back / top, relevance * middle / top
    at_hidden = dense_relevance(block.back.weight, functional.gelu(hidden), back, at_back)  # the GELU keeps it (eq. 9)
    at_middle = at_middle + dense_relevance(block.hidden.weight, second, hidden, at_hidden)  # as the norm does
    at_attended, at_tokens = at_middle * attended / middle, at_middle * tokens / middle
    at_heads = dense_relevance(block.joined.weight, joined, attended, at_attended)
    at_heads = at_heads.unflatten(-1, (HEADS, -1)).transpose(1, 2)
    # Proposition 3.3: the product of two matrices.
    share = at_heads / (2.0 * heads)
    at_weights = torch.einsum("bhij,bhjd,bhid->bhij", weights, v, share)
    at_values = torch.einsum("bhij,bhjd,bhid->bhjd", weights, v, share)
    # Proposition 3.1: the softmax.
    at_scores = scores * (at_weights - weights * at_weights.sum(-1, keepdim=True))
    share = at_scores / (2.0 * scores) / 2.0
    at_queries = torch.einsum("bhid,bhjd,bhij->bhid", q, k, share)
    at_keys = torch.einsum("bhid,bhjd,bhij->bhjd", q, k, share)
    at_projected = torch.cat([part.transpose(1, 2).flatten(2) for part in (at_queries, at_keys, at_values)], dim=-1)
    at_tokens = at_tokens + dense_relevance(block.projection.weight, normed, projected, at_projected)
    patches = network.patches(image).flatten(2).mT
    share = (at_tokens / tokens)[:, 1:].mT.unflatten(2, (4, 3))
    assert patches.shape == (1, 12, WIDTH)
    expected = image * functional.conv_transpose2d(share, network.patches.weight, stride=4)

    found = asc.deconvolve(network, image, "blocks.0", units=[unit], method="attnlrp")
    scale = float(expected.abs().max())
    torch.testing.assert_close(found[0], expected[0, 0], rtol=0, atol=1e-6 * scale)


@pytest.mark.parametrize("method", ["deconvolution", "guided", "gradient", "lrp-epsilon", "lrp-zplus", "attnlrp"])
@pytest.mark.parametrize("layer", ["blocks.0.heads", "blocks.1", "head"])
def test_every_method_passes_attention(network: SpectrogramTransformer, image: Tensor, layer: str, method: str) -> None:
    images = asc.deconvolve(network, image, layer, units=[0, 1], method=method)
    assert images.shape == (2, 16, 12)
    assert bool(images.isfinite().all())
    assert float(images.abs().max()) > 0.0
