#!/usr/bin/python3
"""Speed of a training step of PyTorch's recurrent layers: the peer that script/bench measures beside ours.

Reads one JSON object a line, {"cell", "bidirectional", "layers", "readout", "hidden", "batch", "threads", "seconds"},
measures it for so long, and answers each with one line {"median_ms", "images_per_second"}. The first line it writes
names itself; where there is no PyTorch (Debian: python3-torch) it ends with 3 before that. It stays between
measurements, so that only one import is paid for, and sleeps meanwhile. Networks are kept: a later round of a shape
finds its memory and its primitives warm.
"""
import functools, json, statistics, sys, time

try:
    import torch
except ImportError:
    sys.exit(3)

STEPS, WIDTH, CLASSES = 28, 28, 10


class Net(torch.nn.Module):
    def __init__(self, cell, bidirectional, layers, readout, hidden):
        super().__init__()
        kind = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[cell]
        self.recurrent = kind(WIDTH, hidden, layers, batch_first=True, bidirectional=bidirectional)
        self.dense = torch.nn.Linear(hidden * (1 + bidirectional), CLASSES)
        self.directions, self.readout = 1 + bidirectional, readout

    def forward(self, x):
        y, state = self.recurrent(x)
        if self.readout == "final":  # the top layer's last state of each direction
            h = state[0] if isinstance(state, tuple) else state
            return self.dense(torch.cat(list(h[-self.directions:]), 1))
        if self.readout == "mean":
            return self.dense(y.mean(1))
        if self.readout == "max":
            return self.dense(y.max(1).values)
        return self.dense(y[:, -1])


@functools.lru_cache(maxsize=1)  # all thread counts and rounds of a shape, then the next shape
def training_step(cell, bidirectional, layers, readout, hidden, batch):
    torch.manual_seed(0)
    net = Net(cell, bidirectional, layers, readout, hidden)
    x, labels = torch.rand(batch, STEPS, WIDTH), torch.randint(0, CLASSES, (batch,))
    adam = torch.optim.Adam(net.parameters(), 1e-3)

    def step():
        adam.zero_grad()
        torch.nn.functional.cross_entropy(net(x), labels).backward()
        adam.step()

    return step


def clock(step):
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def median_seconds(step, seconds):
    """Median of what fits into the time, of at least 4 steps, after a warm-up of 2 to 5."""
    warm = [clock(step) for _ in range(2)]
    while len(warm) < 5 and sum(warm) < seconds / 2:
        warm.append(clock(step))
    times = []
    while len(times) < 4 or sum(times) < seconds:
        times.append(clock(step))
    return statistics.median(times)


print(json.dumps({"peer": "pytorch " + torch.__version__}), flush=True)
for line in sys.stdin:
    ask = json.loads(line)
    torch.set_num_threads(ask["threads"])
    step = training_step(*(ask[key] for key in ("cell", "bidirectional", "layers", "readout", "hidden", "batch")))
    s = median_seconds(step, ask["seconds"])
    print(json.dumps({"median_ms": round(s * 1e3, 3), "images_per_second": round(ask["batch"] / s, 1)}), flush=True)
