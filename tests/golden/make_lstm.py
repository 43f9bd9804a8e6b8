#!/usr/bin/python3
"""Writes lstm.golden: what PyTorch says an LSTM classifier computes, learns and becomes.

    /usr/bin/python3 tests/golden/make_lstm.py tests/golden/lstm.golden     (Debian: python3-torch)

PyTorch runs in float64, so the file holds the truth to far more digits than the engine has, and
the test's tolerances are the engine's alone. Weights start as float32 numbers. The recurrent bias
of nn.LSTM is fixed at zero, because the engine has one bias where PyTorch has two, and two would
take two Adam steps.

The file, little-endian:
    8 bytes "URGOLDEN", u32 number of arrays, then for each array
    u32 length of name, name, u32 rank, u32 dims[rank], float32 numbers, row-major
Names are CASE/what: shape (steps width hidden classes rows mean), x [rows][T][I], labels, logits,
loss, losses (before each Adam step, and after the last), and initial., gradient. and final. with the
engine's tensor names, already turned into the engine's layout.
"""
import struct
import sys

import torch

ADAM_STEPS = 10
CASES = [
    # name, steps, width, hidden, classes, rows, readout mean, seed
    ("last", 7, 5, 12, 4, 40, False, 1),
    ("mean", 7, 5, 12, 4, 40, True, 2),
    ("image", 28, 28, 16, 10, 12, False, 3),
]


def build(width, hidden, classes):
    lstm = torch.nn.LSTM(width, hidden).double()
    dense = torch.nn.Linear(hidden, classes).double()
    with torch.no_grad():
        for parameter in [*lstm.parameters(), *dense.parameters()]:
            parameter.copy_(torch.empty_like(parameter).uniform_(-0.4, 0.4).float().double())
        lstm.bias_hh_l0.zero_()
    lstm.bias_hh_l0.requires_grad_(False)
    return lstm, dense


def tensors(lstm, dense, of):
    """The engine's names and layout: PyTorch stores [4H][I], the engine [I][4H]; gates i f g o in both."""
    return {
        "layer0.forward.W": of(lstm.weight_ih_l0).t(),
        "layer0.forward.U": of(lstm.weight_hh_l0).t(),
        "layer0.forward.b": of(lstm.bias_ih_l0),
        "dense.W": of(dense.weight).t(),
        "dense.b": of(dense.bias),
    }


def run(name, steps, width, hidden, classes, rows, mean, seed):
    torch.manual_seed(seed)
    lstm, dense = build(width, hidden, classes)
    x = torch.rand(rows, steps, width).float().double()
    labels = torch.randint(classes, (rows,))
    out = {
        "shape": torch.tensor([steps, width, hidden, classes, rows, int(mean)]),
        "x": x,
        "labels": labels,
    }

    def forward():
        y, _ = lstm(x.transpose(0, 1))
        logits = dense(y.mean(0) if mean else y[-1])
        return logits, torch.nn.functional.cross_entropy(logits, labels)

    for tensor, value in tensors(lstm, dense, lambda p: p.detach().clone()).items():
        out["initial." + tensor] = value
    logits, loss = forward()
    loss.backward()
    out["logits"], out["loss"] = logits.detach(), loss.detach().reshape(1)
    for tensor, value in tensors(lstm, dense, lambda p: p.grad.clone()).items():
        out["gradient." + tensor] = value

    trained = [p for p in [*lstm.parameters(), *dense.parameters()] if p.requires_grad]
    adam = torch.optim.Adam(trained, lr=0.001, betas=(0.9, 0.999), eps=1e-8)
    losses = []
    for _ in range(ADAM_STEPS):
        adam.zero_grad()
        _, loss = forward()
        losses.append(loss.item())
        loss.backward()
        adam.step()
    losses.append(forward()[1].item())
    out["losses"] = torch.tensor(losses)
    for tensor, value in tensors(lstm, dense, lambda p: p.detach().clone()).items():
        out["final." + tensor] = value
    return {name + "/" + key: value for key, value in out.items()}


def main():
    arrays = {}
    for case in CASES:
        arrays.update(run(*case))
    with open(sys.argv[1], "wb") as file:
        file.write(b"URGOLDEN" + struct.pack("<I", len(arrays)))
        for name, value in arrays.items():
            numbers = value.contiguous().float().flatten().tolist()
            file.write(struct.pack("<I", len(name)) + name.encode())
            file.write(struct.pack("<%dI" % (1 + value.dim()), value.dim(), *value.shape))
            file.write(struct.pack("<%df" % len(numbers), *numbers))


main()
