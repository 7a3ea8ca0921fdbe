"""What decides the training of a language model: sizes by profile, text, kind. Nothing here needs torch.

The paper says no more of Penn Treebank than Table 8; the defaults are those of DARTS, whose space and row it shares.
"""

from dataclasses import dataclass, replace

from ..files.errors import SettingError, look_up

KINDS = ("cell", "single_path", "darts")


@dataclass(frozen=True)
class LanguageModelConfig:
    """Settings of a language model's training; the defaults are DARTS' evaluation on Penn Treebank."""

    hidden: int = 850  # size of state and embedding, which encoder and decoder share
    epochs: int = 8000  # DARTS; the average of the weights begins long before
    batch: int = 64  # columns that the text is cut into
    lr: float = 20.0  # SGD without momentum, for a sequence of `bptt` words; proportional to its length otherwise
    weight_decay: float = 8e-7  # DARTS (search 5e-7)
    clip: float = 0.25  # largest norm of the gradient
    bptt: int = 35  # mean length of a sequence in words
    half: float = 0.05  # share of sequences whose mean length is half of that (AWD)
    spread: float = 5.0  # deviation of the length from its mean, in words (AWD; search 0)
    shortest: int = 5  # words
    longest: int = 55  # words: bptt + 20
    dropout: float = 0.75  # of the states that the decoder reads
    dropout_hidden: float = 0.25  # of the states between nodes and steps, one mask a sequence
    dropout_inputs: float = 0.75  # of the cell's inputs, one mask a sequence
    dropout_embedded: float = 0.2  # of embedded words, one mask a sequence
    dropout_words: float = 0.1  # of whole words of the vocabulary (search 0)
    dropout_weights: float = 0.0  # AWD's DropConnect; DARTS drops the states instead (dropout_hidden)
    activation: float = 0.0  # AR: weight of the mean square of the dropped states ("alpha" of AWD; DARTS 0)
    temporal: float = 1e-3  # TAR: weight of the mean square of the states' steps ("beta" of AWD)
    nonmono: int = 5  # ASGD begins once the validation loss is above the best of all epochs but the last 5; 0: never
    eval_batch: int = 10  # columns of the validation text
    test_batch: int = 1  # columns of the test text: read in one go, from its first word
    rollbacks: int = 10  # how often a loss that is not finite may bring the best weights back
    kind: str = "cell"  # or a supernet: "single_path", a random cell a step; "darts", the mixture by α
    alpha_lr: float = 3e-3  # Adam for α (DARTS)
    alpha_weight_decay: float = 1e-3  # DARTS
    train_words: int = 0  # 0: all 929,589
    valid_words: int = 0  # 0: all 73,760
    test_words: int = 0  # 0: all 82,430
    precision: str = "fp32"  # or "bf16": autocast, weights stay fp32
    threads: int = 0  # CPU threads, 0: torch's choice; only the same number gives the same bits
    stand_in: bool = False  # Python's documentation may take the place of a treebank that is not on this machine

    def __post_init__(self) -> None:
        if self.precision not in ("fp32", "bf16"):
            raise SettingError(f"precision must be 'fp32' or 'bf16', not {self.precision!r}")
        if self.kind not in KINDS:
            raise SettingError(f"kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        if min(self.hidden, self.epochs, self.batch, self.eval_batch, self.test_batch, self.bptt) < 1:
            raise SettingError("hidden, epochs, batch, eval_batch, test_batch and bptt must be at least 1")
        if not 1 <= self.shortest <= self.longest:
            raise SettingError(f"shortest must lie between 1 and longest = {self.longest}, not {self.shortest}")


_LAPTOP = LanguageModelConfig(  # few words, read once in short sequences: nothing to regularise, no time to average
    hidden=64, epochs=1, batch=10, bptt=10, half=0.0, spread=0.0, dropout=0.1, dropout_hidden=0.0, dropout_inputs=0.0,
    dropout_embedded=0.0, dropout_words=0.0, train_words=80_000, valid_words=6_000, test_words=6_000, eval_batch=20,
    test_batch=20, threads=1, stand_in=True,
)  # fmt: skip

LANGUAGE_PROTOCOLS: dict[str, LanguageModelConfig] = {
    "smoke": replace(_LAPTOP, hidden=8, epochs=1, train_words=4_000, valid_words=1_000, test_words=1_000),
    "laptop": _LAPTOP,
    "workstation": LanguageModelConfig(epochs=60),
    "paper": LanguageModelConfig(),
}
"""The protocol of each profile. `paper` is the real thing; the others are short and compare with themselves only."""

_SEARCH = LanguageModelConfig(  # DARTS' search on Penn Treebank, but a random cell a step, as SEKI needs no α
    hidden=300, epochs=50, batch=256, weight_decay=5e-7, spread=0.0, dropout_words=0.0, nonmono=0, eval_batch=64,
    kind="single_path",
)  # fmt: skip

LANGUAGE_SUPERNETS: dict[str, LanguageModelConfig] = {
    "smoke": replace(LANGUAGE_PROTOCOLS["smoke"], nonmono=0, kind="single_path"),
    "laptop": replace(_LAPTOP, nonmono=0, kind="single_path"),
    "workstation": _SEARCH,
    "paper": _SEARCH,
}
"""The supernet of each profile, whose shared weights `evaluators/rnn.py` reads f(alpha) from."""


def language_protocol(profile: str) -> LanguageModelConfig:
    """The protocol of a profile by its name. Raises UnknownName."""
    return look_up("profile", LANGUAGE_PROTOCOLS, profile)
