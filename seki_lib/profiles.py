"""How much is run: smoke for tests, laptop by default, workstation for one GPU, paper for the paper's own settings."""

from dataclasses import dataclass

from .files.errors import SettingError, UnknownName, look_up
from .files.user_input import whole_number


@dataclass(frozen=True)
class Profile:
    """The sizes that a profile sets; paper symbols where the paper has one."""

    name: str
    rounds: int = 50  # n, rounds of a search (§5.1.1); evaluations = rounds + 1
    lam: int = 35  # λ, rounds of self-evolution (§5.3.1); γ = n - λ
    k: int = 16  # best cells that inspiration draws from (§5.3.2)
    xi: int = 8  # ξ, cells shown to the LLM each round (§5.3.2)
    seeds: tuple[int, ...] = (8, 9, 10, 11)  # "four independent search runs" (Table 3); prompts were chosen on 0-7
    trans101_seeds: tuple[int, ...] = (8, 9, 10, 11)  # of each task (§5.1.3: "four different random seeds")
    baseline_seeds: int = 2000  # runs of each baseline, for tight intervals
    lams: tuple[int, ...] = (15, 25, 30, 35, 40, 45)  # λ of Table 5
    ks: tuple[int, ...] = (8, 16, 24, 32)  # k of Table 6
    ratios: tuple[float, ...] = (1.0, 0.75, 0.5, 0.25)  # ξ / k of Table 6
    ablation_seeds: tuple[int, ...] = (8,)  # of Tables 5 and 6, scored by the supernet
    surrogate_seeds: tuple[int, ...] = ()  # of the same, scored by the surrogate of NAS-Bench-301
    trust_cells: int = 515  # of a space, at most, on which judges are compared with the truth; DARTS has 515 known ones


# fmt: off
PROFILES: dict[str, Profile] = {
    "smoke": Profile(
        "smoke", rounds=6, lam=4, k=4, xi=2, seeds=(8, 9), trans101_seeds=(8,), baseline_seeds=200,
        lams=(3, 4), ks=(2, 4), ratios=(0.5,), surrogate_seeds=(8,), trust_cells=20,
    ),
    "laptop": Profile(
        "laptop", trans101_seeds=(8,), lams=(35, 45), ks=(8, 16), ratios=(0.5,),
        surrogate_seeds=(8, 9), trust_cells=200,
    ),
    "workstation": Profile("workstation", ablation_seeds=(8, 9, 10), surrogate_seeds=(8, 9, 10, 11)),
    "paper": Profile("paper", ablation_seeds=tuple(range(8, 16)), trust_cells=15_625),
}
# fmt: on


def get_profile(name: str) -> Profile:
    """A profile by its name. Raises UnknownName, which lists the names."""
    return look_up("profile", PROFILES, name)


def parse_seeds(text: str | int | list[int] | tuple[int, ...]) -> tuple[int, ...]:
    """Seeds as "0,1,2,3", one int, or a list. Raises UnknownName with an example."""
    items = text if isinstance(text, list | tuple) else str(text).replace(",", " ").split()
    try:
        seeds = tuple(dict.fromkeys(whole_number(str(item)) for item in items))
    except SettingError:
        seeds = ()
    if not seeds:
        raise UnknownName(f"unknown seeds {text!r}; valid: whole numbers from 0 on, such as SEEDS=0,1,2,3")
    return seeds
