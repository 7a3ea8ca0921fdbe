"""What decides a search besides space, task, LLM and prompts. Paper symbol and section stand beside each value."""

from dataclasses import dataclass, fields

from ..files.errors import SettingError


@dataclass(frozen=True)
class SearchConfig:
    """The settings of Algorithm 1 and of the ladder behind each reply. Raises SettingError outside their ranges."""

    rounds: int = 50  # n = λ + γ (§5.1.1); with α0 that is n + 1 evaluations
    lam: int = 35  # λ, rounds of self-evolution (§5.3.1): rounds 1..λ, then inspiration (docs/fidelity.md)
    k: int = 16  # best cells that inspiration draws from (§5.3.2)
    xi: int = 8  # ξ, cells shown to the LLM a round (§5.3.2)
    seed: int = 0
    alpha0: str = "random"  # "random": by the seed; all-3x3, all-skip or a cell's text (the paper gives none)
    notation: str = "names"  # how prompts spell operations
    permute_words: bool = False  # control: shuffle what the words mean, by the seed
    strategy: str = "free"  # OS_i in free words; "edit": one single change, chosen by constrained decoding; "reasoned":
    # the problem and a remedy in words, then one single change; D answers by changes, and E names a pattern first
    novelty: bool = True  # a cell of a class seen before is asked for again (the paper does not say)
    repairs: int = 2  # times an unreadable reply is asked for again, with the error
    samples: int = 1  # how many known cells the LLM may answer with before it is asked for one single change
    critique_tokens: int = 400  # longest OS_i
    reply_tokens: int = 400  # longest architecture reply; a DARTS genotype in the field's names takes 340

    def __post_init__(self) -> None:
        for setting in fields(self):
            value, kind = getattr(self, setting.name), type(setting.default)
            if type(value) is not kind:
                raise SettingError(f"{setting.name} must be of type {kind.__name__}, not {value!r}")
        if not 1 <= self.xi <= self.k:
            raise SettingError(f"xi must lie between 1 and k = {self.k}, not {self.xi}")
        if not 0 <= self.lam <= self.rounds:
            raise SettingError(f"lam must lie between 0 and rounds = {self.rounds}, not {self.lam}")
        if self.strategy not in ("free", "edit", "reasoned"):
            raise SettingError(f"strategy must be 'free', 'edit' or 'reasoned', not {self.strategy!r}")
        if self.repairs < 0 or self.samples < 1:
            raise SettingError("repairs must be at least 0 and samples at least 1")
        if self.critique_tokens < 1 or self.reply_tokens < 1:
            raise SettingError("critique_tokens and reply_tokens must be at least 1")
