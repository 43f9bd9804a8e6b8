#!/usr/bin/python3
"""Writes lstm.golden, cells.golden and layers.golden: what PyTorch says a recurrent classifier computes, learns and becomes.

    /usr/bin/python3 tests/golden/make_cells.py tests/golden     (Debian: python3-torch)

PyTorch runs in float64, so the files hold the truth to far more digits than the engine has, and
the test's tolerances are the engine's alone. Weights start as float32 numbers. The recurrent bias
of PyTorch's layers is fixed at zero, because the engine has one bias where PyTorch has two, and two would
take two Adam steps; but for the third of a GRU's that belongs to n, which the engine has too.

The files, little-endian:
    8 bytes "URGOLDEN", u32 number of arrays, then for each array
    u32 length of name, name, u32 rank, u32 dims[rank], float32 numbers, row-major
Names are CASE/what: shape (steps width hidden classes rows readout cell activation bidirectional layers, the
enums as include/unroll/spec.h counts them), x [rows][T][I], labels, logits, loss, losses (before each Adam
step, and after the last), and initial., gradient. and final. with the engine's tensor names, already turned
into the engine's layout. lstm.golden's shapes end after readout; those of layers.golden go on with projection
and truncate_bptt, and it has no losses and no final weights.
"""
import os
import struct
import sys

import torch

ADAM_STEPS = 10
READOUTS = ["last", "mean", "final", "max"]
CELLS = ["lstm", "rnn", "gru"]
ACTIVATIONS = ["tanh", "relu", "linear"]
LSTM_CASES = [
    # name, steps, width, hidden, classes, rows, readout, cell, activation, bidirectional, layers, seed
    ("last", 7, 5, 12, 4, 40, "last", "lstm", "tanh", False, 1, 1),
    ("mean", 7, 5, 12, 4, 40, "mean", "lstm", "tanh", False, 1, 2),
    ("image", 28, 28, 16, 10, 12, "last", "lstm", "tanh", False, 1, 3),
]


def cases():
    """Every cell in one direction and both, in one layer and two, with the readouts in turn."""
    seed = 3
    for cell, activation in [("lstm", "tanh"), ("rnn", "tanh"), ("rnn", "relu"), ("gru", "tanh")]:
        for bidirectional in (False, True):
            for layers in (1, 2):
                seed += 1
                readout = READOUTS[seed % 4 if bidirectional else seed // 2 % 4]
                name = "-".join([cell, activation, "both" if bidirectional else "one", str(layers)])
                yield name, 6, 4, 7, 3, 40, readout, cell, activation, bidirectional, layers, seed
    for readout in READOUTS:
        yield "gru-three-" + readout, 5, 3, 6, 3, 33, readout, "gru", "tanh", True, 3, 50 + READOUTS.index(readout)


def layer_cases():
    """LSTMs with a projection, and every cell with gradients that travel back two or four steps."""
    seed = 100
    for bidirectional in (False, True):
        for layers in (1, 2):
            seed += 1
            name = "-".join(["projection", "both" if bidirectional else "one", str(layers)])
            yield name, 6, 4, 7, 3, 36, READOUTS[seed % 4], "lstm", "tanh", bidirectional, layers, seed, 3, 0
    for cell, activation, projection in [("lstm", "tanh", 0), ("lstm", "tanh", 4), ("rnn", "tanh", 0), ("rnn", "relu", 0), ("gru", "tanh", 0)]:
        for bidirectional, layers, truncate in [(False, 1, 2), (True, 2, 4)]:
            seed += 1
            name = "-".join(["truncate", cell, activation, str(projection), "both" if bidirectional else "one"])
            yield name, 7, 3, 6, 3, 34, READOUTS[seed % 4], cell, activation, bidirectional, layers, seed, projection, truncate


def suffixes(layers, bidirectional):
    for layer in range(layers):
        yield "layer%d.forward" % layer, "_l%d" % layer
        if bidirectional:
            yield "layer%d.backward" % layer, "_l%d_reverse" % layer


def build(width, hidden, classes, cell, activation, bidirectional, layers, projection):
    kind = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[cell]
    extra = {"nonlinearity": activation} if cell == "rnn" else {}
    if projection:
        extra["proj_size"] = projection
    net = kind(width, hidden, layers, bidirectional=bidirectional, **extra).double()
    dense = torch.nn.Linear((projection or hidden) * (2 if bidirectional else 1), classes).double()
    with torch.no_grad():
        for parameter in [*net.parameters(), *dense.parameters()]:
            parameter.copy_(torch.empty_like(parameter).uniform_(-0.4, 0.4).float().double())
        for _, suffix in suffixes(layers, bidirectional):
            bias = getattr(net, "bias_hh" + suffix)
            if cell == "gru":
                bias[: 2 * hidden] = 0
            else:
                bias.zero_()
    for _, suffix in suffixes(layers, bidirectional):
        bias = getattr(net, "bias_hh" + suffix)
        if cell == "gru":
            mask = torch.cat([torch.zeros(2 * hidden), torch.ones(hidden)]).double()
            bias.register_hook(lambda gradient, mask=mask: gradient * mask)
        else:
            bias.requires_grad_(False)
    return net, dense


def tensors(net, dense, cell, hidden, bidirectional, layers, of):
    """The engine's names and layout: PyTorch stores [GH][I], the engine [I][GH]; gates in one order."""
    out = {}
    for name, suffix in suffixes(layers, bidirectional):
        out[name + ".W"] = of(getattr(net, "weight_ih" + suffix)).t()
        out[name + ".U"] = of(getattr(net, "weight_hh" + suffix)).t()
        out[name + ".b"] = of(getattr(net, "bias_ih" + suffix))
        if cell == "gru":
            out[name + ".bn"] = of(getattr(net, "bias_hh" + suffix))[2 * hidden :]
        if getattr(net, "proj_size", 0):
            out[name + ".P"] = of(getattr(net, "weight_hr" + suffix)).t()
    out["dense.W"] = of(dense.weight).t()
    out["dense.b"] = of(dense.bias)
    return out


def read_out(y, readout, hidden):
    if readout == "mean":
        return y.mean(0)
    if readout == "max":
        return y.max(0)[0]
    if readout == "final":
        return torch.cat([y[-1][:, :hidden], y[0][:, hidden:]], 1)
    return y[-1]


def truncated(net, x, cell, activation, truncate):
    """One direction of one layer after the other, its state detached every truncate steps in reading order."""
    of = {"lstm": torch._VF.lstm, "gru": torch._VF.gru, "rnn": getattr(torch._VF, "rnn_" + activation)}[cell]
    for layer in range(net.num_layers):
        outputs = []
        for suffix in ["", "_reverse"][: 2 if net.bidirectional else 1]:
            kinds = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"] + (["weight_hr"] if net.proj_size else [])
            weights = [getattr(net, "%s_l%d%s" % (kind, layer, suffix)) for kind in kinds]
            rows, width = x.shape[1], net.proj_size or net.hidden_size
            h, c = x.new_zeros(1, rows, width), x.new_zeros(1, rows, net.hidden_size)
            read = x.flip(0) if suffix else x
            blocks = []
            for block in read.split(truncate):
                state = (h.detach(), c.detach()) if cell == "lstm" else h.detach()
                y, h, *rest = of(block, state, weights, True, 1, 0.0, True, False, False)
                c = rest[0] if rest else c
                blocks.append(y)
            y = torch.cat(blocks)
            outputs.append(y.flip(0) if suffix else y)
        x = torch.cat(outputs, 2)
    return x


def run(name, steps, width, hidden, classes, rows, readout, cell, activation, bidirectional, layers, seed, projection=None, truncate=None):
    torch.manual_seed(seed)
    net, dense = build(width, hidden, classes, cell, activation, bidirectional, layers, projection)
    x = torch.rand(rows, steps, width).float().double()
    labels = torch.randint(classes, (rows,))
    shape = [steps, width, hidden, classes, rows, READOUTS.index(readout)]
    if name not in [case[0] for case in LSTM_CASES]:
        shape += [CELLS.index(cell), ACTIVATIONS.index(activation), int(bidirectional), layers]
    if projection is not None:
        shape += [projection, truncate]
    out = {"shape": torch.tensor(shape), "x": x, "labels": labels}

    def forward():
        y = x.transpose(0, 1)
        y = truncated(net, y, cell, activation, truncate) if truncate else net(y)[0]
        logits = dense(read_out(y, readout, projection or hidden))
        return logits, torch.nn.functional.cross_entropy(logits, labels)

    def named(of):
        return tensors(net, dense, cell, hidden, bidirectional, layers, of)

    for tensor, value in named(lambda p: p.detach().clone()).items():
        out["initial." + tensor] = value
    logits, loss = forward()
    loss.backward()
    out["logits"], out["loss"] = logits.detach(), loss.detach().reshape(1)
    for tensor, value in named(lambda p: p.grad.clone()).items():
        out["gradient." + tensor] = value

    if projection is not None:
        return {name + "/" + key: value for key, value in out.items()}

    trained = [p for p in [*net.parameters(), *dense.parameters()] if p.requires_grad]
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
    for tensor, value in named(lambda p: p.detach().clone()).items():
        out["final." + tensor] = value
    return {name + "/" + key: value for key, value in out.items()}


def write(path, golden_cases):
    arrays = {}
    for case in golden_cases:
        arrays.update(run(*case))
    with open(path, "wb") as file:
        file.write(b"URGOLDEN" + struct.pack("<I", len(arrays)))
        for name, value in arrays.items():
            numbers = value.contiguous().float().flatten().tolist()
            file.write(struct.pack("<I", len(name)) + name.encode())
            file.write(struct.pack("<%dI" % (1 + value.dim()), value.dim(), *value.shape))
            file.write(struct.pack("<%df" % len(numbers), *numbers))


def main():
    write(os.path.join(sys.argv[1], "lstm.golden"), LSTM_CASES)
    write(os.path.join(sys.argv[1], "cells.golden"), cases())
    write(os.path.join(sys.argv[1], "layers.golden"), layer_cases())


main()
