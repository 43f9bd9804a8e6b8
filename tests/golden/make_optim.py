#!/usr/bin/python3
"""Writes optim.golden: what PyTorch's optimizers, schedules and label smoothing make of given numbers.

    /usr/bin/python3 tests/golden/make_optim.py tests/golden/optim.golden     (Debian: python3-torch)

PyTorch runs in float64 on float32 inputs and settings. The file is laid out as lstm.golden is (make_lstm.py).
Arrays:
    weights [N], gradients [STEPS][N]     what every optimizer begins with and is given
    CASE/settings                         rate beta1 beta2 epsilon momentum alpha weight_decay
    CASE/weights [STEPS][N]               after each step
    schedule/CASE/settings                steps warmup step_size gamma min_factor pct_start div final_div
    schedule/CASE/rates [steps]           of each step, for a learning rate of one
    plateau/CASE/settings                 patience gamma min_factor
    plateau/CASE/losses, rates [epochs]   of each epoch; the rate after it, for a learning rate of one
    smoothing/logits [B][C], labels [B]
    smoothing/K/share, loss, dlogits      of the mean over the rows
"""
import struct
import sys

import torch

STEPS, N = 10, 24
# case (its name up to the dash is the optimizer's), rate, beta1, beta2, epsilon, momentum, alpha, weight_decay
OPTIMIZERS = [
    ("sgd", 0.05, 0.9, 0.999, 1e-8, 0.9, 0.99, 0),
    ("sgd-decay", 0.05, 0.9, 0.999, 1e-8, 0.9, 0.99, 0.1),
    ("momentum", 0.02, 0.9, 0.999, 1e-8, 0.9, 0.99, 0),
    ("momentum-decay", 0.02, 0.9, 0.999, 1e-8, 0.7, 0.99, 0.1),
    ("nesterov", 0.02, 0.9, 0.999, 1e-8, 0.9, 0.99, 0),
    ("nesterov-decay", 0.02, 0.9, 0.999, 1e-8, 0.7, 0.99, 0.1),
    ("rmsprop", 0.01, 0.9, 0.999, 1e-8, 0.9, 0.99, 0),
    ("rmsprop-decay", 0.01, 0.9, 0.999, 1e-4, 0.9, 0.8, 0.1),
    ("adam", 0.01, 0.9, 0.999, 1e-8, 0.9, 0.99, 0),
    ("adam-decay", 0.01, 0.8, 0.95, 1e-4, 0.9, 0.99, 0.1),
    ("adamw", 0.01, 0.9, 0.999, 1e-8, 0.9, 0.99, 0.01),
    ("adamw-decay", 0.01, 0.8, 0.95, 1e-4, 0.9, 0.99, 0.5),
]
# case, steps, warmup, step_size, gamma, min_factor, pct_start, div_factor, final_div_factor
SCHEDULES = [
    ("constant", 20, 0, 1000, 0.1, 0, 0.3, 25, 1e4),
    ("constant-warm", 30, 10, 1000, 0.1, 0, 0.3, 25, 1e4),
    ("step", 100, 0, 30, 0.1, 0, 0.3, 25, 1e4),
    ("step-warm", 60, 7, 10, 0.5, 0, 0.3, 25, 1e4),
    ("exponential", 200, 0, 1, 0.97, 0, 0.3, 25, 1e4),
    ("exponential-warm", 80, 5, 1, 0.9, 0, 0.3, 25, 1e4),
    ("cosine", 97, 0, 1000, 0.1, 0, 0.3, 25, 1e4),
    ("cosine-warm", 120, 20, 1000, 0.1, 0.05, 0.3, 25, 1e4),
    ("onecycle", 100, 0, 1000, 0.1, 0, 0.3, 25, 1e4),
    ("onecycle-late", 77, 0, 1000, 0.1, 0, 0.85, 10, 100),
    ("onecycle-down", 50, 0, 1000, 0.1, 0, 0.0, 10, 100),
    ("onecycle-warm", 60, 6, 1000, 0.1, 0, 0.4, 4, 50),
]
# case, patience, gamma, min_factor
PLATEAUS = [("some", 2, 0.5, 0.1), ("none", 0, 0.1, 0.0), ("floor", 1, 0.25, 0.2), ("long", 6, 0.1, 0.001)]


def rounded(settings):
    """The file holds float32 numbers, so PyTorch must be set to them too; whole numbers stay whole."""
    return [value if isinstance(value, int) else torch.tensor(value).item() for value in settings]


def optimizer(name, parameters, rate, beta1, beta2, epsilon, momentum, alpha, decay):
    optim = torch.optim
    if name == "sgd":
        return optim.SGD(parameters, lr=rate, weight_decay=decay)
    if name in ("momentum", "nesterov"):
        return optim.SGD(parameters, lr=rate, momentum=momentum, nesterov=name == "nesterov", weight_decay=decay)
    if name == "rmsprop":
        return optim.RMSprop(parameters, lr=rate, alpha=alpha, eps=epsilon, weight_decay=decay)
    kind = {"adam": optim.Adam, "adamw": optim.AdamW}[name]
    return kind(parameters, lr=rate, betas=(beta1, beta2), eps=epsilon, weight_decay=decay)


def trace(case, settings, weights, gradients):
    parameter = torch.nn.Parameter(weights.clone())
    optim = optimizer(case.split("-")[0], [parameter], *settings)
    after = []
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optim.step()
        after.append(parameter.detach().clone())
    return {case + "/settings": torch.tensor(settings), case + "/weights": torch.stack(after)}


def rates_of(scheduler, optim, count):
    """No step is taken after the last: OneCycleLR refuses it."""
    rates = [optim.param_groups[0]["lr"]]
    for _ in range(count - 1):
        optim.step()
        scheduler.step()
        rates.append(optim.param_groups[0]["lr"])
    return rates


def rates(case, steps, warmup, step_size, gamma, min_factor, pct_start, div, final_div):
    """Warm-up is a scheduler of its own: it rises to the rate that the other one begins with."""
    scheduler = torch.optim.lr_scheduler
    count = steps - warmup
    optim = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    after = rates_of({
        "constant": lambda: scheduler.LambdaLR(optim, lambda k: 1.0),
        "step": lambda: scheduler.StepLR(optim, step_size, gamma),
        "exponential": lambda: scheduler.ExponentialLR(optim, gamma),
        "cosine": lambda: scheduler.CosineAnnealingLR(optim, count, min_factor),
        "onecycle": lambda: scheduler.OneCycleLR(
            optim, 1.0, total_steps=count, pct_start=pct_start, cycle_momentum=False,
            div_factor=div, final_div_factor=final_div),
    }[case.split("-")[0]](), optim, count)
    before = []
    if warmup > 0:
        optim = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=after[0])
        before = rates_of(scheduler.LinearLR(optim, 1 / warmup, 1.0, warmup - 1), optim, warmup)
    return before + after


def plateau(patience, gamma, min_factor, losses):
    optim = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optim, factor=gamma, patience=patience, min_lr=min_factor, eps=0)
    after = []
    for loss in losses.tolist():
        scheduler.step(loss)
        after.append(optim.param_groups[0]["lr"])
    return torch.tensor(after, dtype=torch.float64)


def smoothing(logits, labels, share):
    logits = logits.clone().requires_grad_(True)
    loss = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=share)
    loss.backward()
    return {"share": torch.tensor([share]), "loss": loss.detach().reshape(1), "dlogits": logits.grad}


def main():
    torch.manual_seed(5)
    weights = torch.randn(N).double()
    gradients = (torch.randn(STEPS, N) * torch.logspace(-3, 1, N)).float().double()
    arrays = {"weights": weights, "gradients": gradients}
    for case, *settings in OPTIMIZERS:
        arrays.update(trace(case, rounded(settings), weights, gradients))
    for case, *settings in SCHEDULES:
        arrays["schedule/" + case + "/settings"] = torch.tensor([float(value) for value in settings])
        arrays["schedule/" + case + "/rates"] = torch.tensor(rates(case, *rounded(settings)), dtype=torch.float64)
    # Falling, flat with noise, a little lower than the threshold asks for, not a number, falling again.
    flat = 0.5 + 0.02 * torch.rand(14, generator=torch.Generator().manual_seed(6))
    losses = torch.cat([torch.linspace(2.3, 0.6, 8), flat, 0.5 - 1e-5 * torch.arange(8), torch.tensor([float("nan"), float("inf")]),
                        0.5 - 0.02 * torch.arange(1, 9), torch.full((9,), 0.4)]).float()
    for case, *settings in PLATEAUS:
        arrays["plateau/" + case + "/settings"] = torch.tensor([float(value) for value in settings])
        arrays["plateau/" + case + "/losses"] = losses
        arrays["plateau/" + case + "/rates"] = plateau(*rounded(settings), losses)
    logits, labels = (3 * torch.randn(12, 7)).float().double(), torch.randint(7, (12,))
    arrays.update({"smoothing/logits": logits, "smoothing/labels": labels})
    for k, share in enumerate(rounded([0.0, 0.1, 0.5, 1.0])):
        arrays.update({"smoothing/%d/%s" % (k, what): value for what, value in smoothing(logits, labels, share).items()})
    with open(sys.argv[1], "wb") as file:
        file.write(b"URGOLDEN" + struct.pack("<I", len(arrays)))
        for name, value in arrays.items():
            numbers = value.contiguous().float().flatten().tolist()
            file.write(struct.pack("<I", len(name)) + name.encode())
            file.write(struct.pack("<%dI" % (1 + value.dim()), value.dim(), *value.shape))
            file.write(struct.pack("<%df" % len(numbers), *numbers))


main()
