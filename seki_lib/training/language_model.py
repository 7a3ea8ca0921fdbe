"""Language models: a recurrent cell, or the supernet of all cells, learns a text (paper, appendix A; Table 8).

    result = train_language_model(genotype, load_text("ptb"), LanguageModelConfig(), folder)

The recipe is that of AWD-LSTM as DARTS uses it: sequences of random length with a learning rate to match, masks drawn
once a sequence, averaged weights (ASGD) once the validation loss stalls, and the best weights back when the loss is not
finite. ASGD(t0=0, lambd=0) is SGD with an average of its weights beside it, and so it is written here.
"""

import math
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from ..datasets.text import Text, columns, load_text
from ..nn import LanguageModel, build_language_model
from ..nn.count import parameters
from ..nn.language_model import Dropouts
from ..spaces import get_space
from .language_protocol import LanguageModelConfig, language_protocol
from .loop import Job, Training, train
from .protocol import SupernetSpec, TrainingSpec
from .supernet import judged, weights_hash

PROBES = 3  # cells whose mean validation loss stands for a single-path supernet
READ = 35  # words that evaluation reads at once; the state goes on, so only memory depends on it
SPACE = get_space("darts_rnn")


def perplexity(loss: float) -> float:
    """E to a mean negative log-likelihood in nats."""
    return math.exp(loss) if loss < 700 else math.inf


def train_language_model(
    arch: Any, text: Text, config: LanguageModelConfig, folder: Path, **options: Any
) -> dict[str, Any]:
    """Train, or go on training, in `folder`; returns what `result.json` holds.

    arch: an RnnGenotype or its text; None for a supernet. options: seed, device, say, checkpoint_seconds, as `loop.Job`
    has them. Raises what `loop.train` raises.
    """
    code: tuple[str, ...] = ("training.language_model",)
    if arch is None:
        what, code = {"supernet": SPACE.name}, (*code, f"spaces.{SPACE.name}")
    else:
        cell = SPACE.format(SPACE.parse(arch) if isinstance(arch, str) else arch)
        what = {"space": SPACE.name, "architecture": cell}
    return train(Job(folder, what, text, config, code, **options), LanguageModelTraining)


def run_training(
    spec: TrainingSpec | SupernetSpec, results: Path, config: LanguageModelConfig | None = None, **options: Any
) -> dict[str, Any]:
    """Train the cell or the supernet that `spec` names, or go on with it, in its folder below `results`.

    Returns what `result.json` holds. config: the profile's protocol unless given. options: say and device. A finished
    training is read, not repeated. Raises what `train_language_model` and `load_text` raise.
    """
    if isinstance(spec, TrainingSpec):
        arch, usual = spec.architecture, language_protocol(spec.profile)
    else:
        arch, usual = None, spec.config
    config = config or usual
    text, folder = text_of(spec.dataset, config), spec.folder(results)
    return train_language_model(arch, text, config, folder, seed=spec.seed, **options)


run_supernet = run_training  # as `supernet.py` names it


def text_of(dataset: str, config: LanguageModelConfig) -> Text:
    """As much of a text as the settings ask for. Raises AssetError."""
    return load_text(dataset, train=config.train_words, valid=config.valid_words, test=config.test_words)


def summary(result: dict[str, Any]) -> str:
    """What came of a training, in a sentence."""
    return (
        f"test perplexity {result['test_perplexity']:.1f} (validation {result['valid_perplexity']:.1f}, epoch "
        f"{result['best_epoch']} of {result['epochs']}); unigram model {result['unigram_test_perplexity']:.1f}; "
        f"{result['params_m']:.2f} M parameters; {result['data']}"
    )


class Memory:
    """What a language model's training knows besides weights, as a part of its checkpoint."""

    def __init__(self) -> None:
        self.hidden: Tensor | None = None  # (B, H) the state that the next sequence goes on from
        self.valid_hidden: Tensor | None = None  # the same where α is learnt
        self.averaging = False
        self.best: dict[str, Any] = {}  # loss, averaged (how many weights), epoch, weights

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers and dicts of these."""
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What `state_dict` gave."""
        vars(self).update(state)


class LanguageModelTraining(Training):
    """A step: one sequence of all columns. An epoch: the training text once, then the validation text."""

    def __init__(self, job: Job):
        super().__init__(job)
        text, config = self.data, self.config
        torch.manual_seed(self.seed_of("weights"))
        size = {"vocabulary": len(text.words), "embedding": config.hidden, "hidden": config.hidden}
        self.supernet = config.kind != "cell"
        network: Any = build_language_model(job.what.get("architecture"), search=self.supernet, **size)
        network.dropouts = Dropouts(
            output=config.dropout,
            hidden=config.dropout_hidden,
            inputs=config.dropout_inputs,
            embedded=config.dropout_embedded,
            words=config.dropout_words,
            weights=config.dropout_weights,
        )
        self.network: Any = network.to(self.device)
        self.average: Any = AveragedModel(self.network)
        self.weights = [weight for name, weight in self.network.named_parameters() if name != "cell.alphas"]
        self.optimizer = torch.optim.SGD(self.weights, config.lr, weight_decay=config.weight_decay)
        self.memory = Memory()
        self.parts = {
            "network": self.network, "average": self.average, "optimizer": self.optimizer, "memory": self.memory
        }  # fmt: skip
        if config.kind == "darts":
            self.alpha_optimizer = torch.optim.Adam(
                [self.network.cell.alphas], config.alpha_lr, weight_decay=config.alpha_weight_decay
            )
            self.parts["alpha_optimizer"] = self.alpha_optimizer
            self.search_rows = columns(text.valid, config.batch).to(self.device)
        self.train_rows = columns(text.train, config.batch).to(self.device)
        self.valid_rows = columns(text.valid, config.eval_batch).to(self.device)
        self.test_rows = columns(text.test, config.test_batch).to(self.device)

    @property
    def steps(self) -> int:
        """As many as sequences were drawn."""
        return len(self.order)

    def draw_order(self, cpu: torch.Generator) -> Tensor:
        """(steps, 2): first row and drawn length of each sequence, which may reach beyond the last row."""
        config, start, order = self.config, 0, []
        while start < len(self.train_rows) - 2:
            mean = config.bptt if float(torch.rand((), generator=cpu)) >= config.half else config.bptt / 2
            drawn = int(mean + config.spread * float(torch.randn((), generator=cpu)))
            length = min(max(config.shortest, drawn), config.longest)
            order.append((start, length))
            start += length
        return torch.tensor(order)

    def begin_epoch(self) -> None:
        """Nothing holds for a whole epoch but the mode; states of a checkpoint come back to the device."""
        self.network.train()
        memory = self.memory
        if memory.hidden is not None:
            memory.hidden = memory.hidden.to(self.device)
        if memory.valid_hidden is not None:
            memory.valid_hidden = memory.valid_hidden.to(self.device)

    def train_step(self) -> None:
        """One sequence: the state goes on from the one before, gradients do not."""
        config, memory = self.config, self.memory
        start, length = self.order[self.step].tolist()
        tokens = self.train_rows[start : start + length]
        targets = self.train_rows[start + 1 : start + 1 + length]
        tokens = tokens[: len(targets)]
        if self.step == 0:
            memory.hidden = memory.valid_hidden = None
        if config.kind == "darts":
            self._alpha_step(start, length)
        elif self.supernet:
            cell = SPACE.random(Random(self.seed_of(f"path/{self.step}")))
            self.network.cell.genotype = SPACE.canonical(cell)
        for group in self.optimizer.param_groups:
            group["lr"] = config.lr * length / config.bptt
        with self.autocast():
            log_probs, states, dropped = self.network.read(tokens, memory.hidden)
        raw = loss = nn.functional.nll_loss(log_probs.flatten(0, 1), targets.flatten())
        if config.activation:
            loss = loss + config.activation * dropped.float().pow(2).mean()
        if config.temporal and len(states) > 1:
            loss = loss + config.temporal * states.float().diff(dim=0).pow(2).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.weights, config.clip)
        self.optimizer.step()
        if memory.averaging:
            self.average.update_parameters(self.network)
        memory.hidden = states[-1].detach()
        self.sums[0] += raw.detach() * targets.numel()
        self.sums[1] += targets.numel()

    def _alpha_step(self, start: int, length: int) -> None:
        """DARTS, first order: α goes down the loss on validation text, the weights as they are."""
        start %= len(self.search_rows) - 1
        targets = self.search_rows[start + 1 : start + 1 + length]
        with self.autocast():
            log_probs, states, _ = self.network.read(
                self.search_rows[start : start + len(targets)], self.memory.valid_hidden
            )
        loss = nn.functional.nll_loss(log_probs.flatten(0, 1), targets.flatten())
        alphas = self.network.cell.alphas
        (alphas.grad,) = torch.autograd.grad(loss, [alphas])
        self.alpha_optimizer.step()
        self.memory.valid_hidden = states[-1].detach()

    def close_epoch(self) -> tuple[dict[str, Any], str]:
        """The validation loss, of the averaged weights once there are some; whether averaging begins."""
        config, memory = self.config, self.memory
        judged = self.average.module if memory.averaging else self.network
        loss = self._valid_loss(judged)
        if loss < memory.best.get("loss", math.inf):
            weights = {name: tensor.detach().clone() for name, tensor in judged.state_dict().items()}
            averaged = int(self.average.n_averaged) if memory.averaging else 0
            memory.best = {"loss": loss, "averaged": averaged, "epoch": self.epoch + 1, "weights": weights}
        line = {
            "steps": self.steps,
            "train_perplexity": perplexity(float(self.sums[0] / self.sums[1])),  # of the dropped network, on the way
            "valid_perplexity": perplexity(loss),
            "averaged": memory.averaging,  # whether that is of the averaged weights
            "rolled_back": self.rolled_back,  # times so far
            "words_per_second": round(float(self.sums[1]) / max(self.epoch_seconds, 1e-9), 1),
        }
        words = (
            f"{'averaged  ' if memory.averaging else ''}train perplexity {line['train_perplexity']:7.1f}  "
            f"validation {line['valid_perplexity']:7.1f}  {line['words_per_second']:,.0f} words/s"
        )
        before = self.history[: -config.nonmono] if config.nonmono else []
        if not memory.averaging and before and loss > min(before):
            memory.averaging = True
            self.average.n_averaged.zero_()
            words += "  (averaging begins)"
        self.history.append(loss)
        return line, words

    def _valid_loss(self, network: Any) -> float:
        """Nats a word; of a single-path supernet the mean over a few cells, always the same."""
        if self.config.kind != "single_path":
            loss = mean_loss(network, self.valid_rows)
        else:
            loss = 0.0
            for probe in range(PROBES):
                cell = SPACE.random(Random(f"probe/{probe}"))
                network.cell.genotype = SPACE.canonical(cell)
                loss += mean_loss(network, self.valid_rows) / PROBES
        return loss if math.isfinite(loss) else math.inf

    def roll_back(self) -> bool:
        """The best weights so far, as they were judged; their average goes on where it was."""
        best = self.memory.best
        if not best or self.rolled_back >= self.config.rollbacks:
            return False
        self.network.load_state_dict(best["weights"])
        self.average.module.load_state_dict(best["weights"])
        self.average.n_averaged.fill_(best["averaged"])
        self.memory.averaging = best["averaged"] > 0
        if self.config.kind == "darts":
            self.alpha_optimizer.state.clear()
        return True

    def result(self) -> dict[str, Any]:
        """The best weights' perplexities, and those of the unigram model beside them; of a supernet the last."""
        text, best = self.data, self.memory.best
        found: dict[str, Any] = {
            "space": SPACE.name,
            "train_words": len(text.train),
            "valid_words": len(text.valid),
            "test_words": len(text.test),
            "valid_perplexity": perplexity(self.history[-1] if self.supernet else best["loss"]),
            "best_epoch": best["epoch"],
            "averaged": best["averaged"] > 0,
            "rolled_back": self.rolled_back,
            "unigram_valid_perplexity": text.unigram_perplexity(text.valid),
            "unigram_test_perplexity": text.unigram_perplexity(text.test),
            "params_m": parameters(self.network) / 1e6,
        }
        if self.config.kind == "darts":
            found["genotype"] = SPACE.format(self.network.cell.derive())
        if self.supernet:
            return found | {"kind": self.config.kind, "weights_sha256": weights_hash(self.network.state_dict())}
        self.network.load_state_dict(best["weights"])
        test = mean_loss(self.network, self.test_rows)
        return found | {"architecture": self.job.what["architecture"], "test_perplexity": perplexity(test)}


@torch.no_grad()
def mean_loss(network: LanguageModel, rows: Tensor) -> float:
    """Mean negative log-likelihood in nats of all words below the first row. rows: (R, B) of `columns`.

    A supernet normalises by what it reads, not by what it saw in training: statistics of all cells suit none of them.
    """
    total, hidden = torch.zeros((), dtype=torch.float64, device=rows.device), None
    with judged(network, own_statistics=True):
        for start in range(0, len(rows) - 1, READ):
            targets = rows[start + 1 : start + 1 + READ]
            log_probs, hidden = network(rows[start : start + len(targets)], hidden)
            total += nn.functional.nll_loss(log_probs.flatten(0, 1), targets.flatten(), reduction="sum")
    return float(total) / rows[1:].numel()
