#!/usr/bin/python3
"""Writes series.golden: what PyTorch says of sequences of different length, packed (pack_padded_sequence).

    /usr/bin/python3 tests/golden/make_series.py tests/golden     (Debian: python3-torch)

As make_cells.py: float64, one bias where PyTorch has two. The padding of x is not zero here but large, so
that a network which looks at it cannot be right. The file's format is that of make_cells.py; beside its
arrays a case has lengths [rows].
"""
import os
import struct
import sys

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

READOUTS = ["last", "mean", "final", "max"]
CELLS = ["lstm", "rnn", "gru"]
STEPS, WIDTH, HIDDEN, CLASSES, ROWS = 9, 2, 5, 3, 35


def build(cell, bidirectional, layers):
    kind = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[cell]
    net = kind(WIDTH, HIDDEN, layers, bidirectional=bidirectional, batch_first=True).double()
    dense = torch.nn.Linear(HIDDEN * (1 + bidirectional), CLASSES).double()
    with torch.no_grad():
        for parameter in [*net.parameters(), *dense.parameters()]:
            parameter.copy_(torch.empty_like(parameter).uniform_(-0.5, 0.5).float().double())
        for name, parameter in net.named_parameters():
            if name.startswith("bias_hh"):
                parameter[: 2 * HIDDEN if cell == "gru" else None] = 0
    return net, dense


def tensors(net, dense, cell, bidirectional, layers, of):
    out = {}
    for layer in range(layers):
        for name, suffix in [("forward", ""), ("backward", "_reverse")][: 1 + bidirectional]:
            of_layer = lambda what: of(getattr(net, "%s_l%d%s" % (what, layer, suffix)))
            engine = "layer%d.%s." % (layer, name)
            out[engine + "W"] = of_layer("weight_ih").t()
            out[engine + "U"] = of_layer("weight_hh").t()
            out[engine + "b"] = of_layer("bias_ih")
            if cell == "gru":
                out[engine + "bn"] = of_layer("bias_hh")[2 * HIDDEN :]
    out["dense.W"] = of(dense.weight).t()
    out["dense.b"] = of(dense.bias)
    return out


def read_out(y, lengths, readout):
    rows = torch.arange(ROWS)
    if readout == "last":
        return y[rows, lengths - 1]
    if readout == "final":
        return torch.cat([y[rows, lengths - 1, :HIDDEN], y[rows, 0, HIDDEN:]], 1)
    own = [y[row, : lengths[row]] for row in range(ROWS)]
    return torch.stack([one.mean(0) if readout == "mean" else one.max(0)[0] for one in own])


def run(name, cell, bidirectional, layers, readout, seed):
    torch.manual_seed(seed)
    net, dense = build(cell, bidirectional, layers)
    lengths = torch.randint(1, STEPS + 1, (ROWS,))
    lengths[0], lengths[1] = STEPS, 1
    x = torch.randn(ROWS, STEPS, WIDTH).float().double()
    for row in range(ROWS):
        x[row, lengths[row] :] = 100
    labels = torch.randint(CLASSES, (ROWS,))
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    y, _ = pad_packed_sequence(net(packed)[0], batch_first=True)
    logits = dense(read_out(y, lengths, readout))
    loss = torch.nn.functional.cross_entropy(logits, labels)
    loss.backward()
    shape = [STEPS, WIDTH, HIDDEN, CLASSES, ROWS, READOUTS.index(readout), CELLS.index(cell), int(bidirectional), layers]
    out = {"shape": torch.tensor(shape), "x": x, "lengths": lengths, "labels": labels}
    out["logits"], out["loss"] = logits.detach(), loss.detach().reshape(1)
    named = lambda of: tensors(net, dense, cell, bidirectional, layers, of)
    out.update({"initial." + key: value for key, value in named(lambda p: p.detach()).items()})
    out.update({"gradient." + key: value for key, value in named(lambda p: p.grad).items()})
    return {name + "/" + key: value for key, value in out.items()}


def main():
    arrays, seed = {}, 200
    for cell in CELLS:
        for bidirectional, layers in [(False, 1), (False, 2), (True, 1), (True, 2)]:
            for readout in READOUTS:
                # Every readout for both directions of one layer; the others take theirs in turn.
                if (bidirectional, layers) != (True, 1) and READOUTS.index(readout) != (seed + CELLS.index(cell)) % 4:
                    continue
                name = "%s-%s-%d-%s" % (cell, "both" if bidirectional else "one", layers, readout)
                arrays.update(run(name, cell, bidirectional, layers, readout, seed))
            seed += 1
    with open(os.path.join(sys.argv[1], "series.golden"), "wb") as file:
        file.write(b"URGOLDEN" + struct.pack("<I", len(arrays)))
        for name, value in arrays.items():
            numbers = value.contiguous().float().flatten().tolist()
            file.write(struct.pack("<I", len(name)) + name.encode())
            file.write(struct.pack("<%dI" % (1 + value.dim()), value.dim(), *value.shape))
            file.write(struct.pack("<%df" % len(numbers), *numbers))


main()
