"""The settings of Algorithm 1 that Tables 5 and 6 compare: λ, k and ξ."""

from dataclasses import dataclass, replace

from ..files.errors import SettingError
from ..profiles import Profile
from ..results import RunSpec


@dataclass(frozen=True)
class Setting:
    """λ, k and ξ of one entry of Table 5 or 6."""

    lam: int
    k: int
    xi: int

    @classmethod
    def of(cls, profile: Profile) -> "Setting":
        """The profile's own."""
        return cls(profile.lam, profile.k, profile.xi)

    def changes(self, profile: Profile) -> dict[str, int]:
        """What differs from the profile's own search."""
        own = {"lam": (self.lam, profile.lam), "k": (self.k, profile.k), "xi": (self.xi, profile.xi)}
        return {name: value for name, (value, default) in own.items() if value != default}

    def spec(self, spec: RunSpec, profile: Profile) -> RunSpec:
        """The run of this setting: the profile's own search is `default`, another one is named by what differs."""
        names = [spec.variant] if spec.variant != "default" else []
        names += [f"{name}={value}" for name, value in self.changes(profile).items()]
        return replace(spec, variant=",".join(names) or "default")


PAPER_BEST = Setting(Profile.lam, Profile.k, Profile.xi)  # what the paper finds best (§5.3)


def lambda_settings(profile: Profile) -> list[Setting]:
    """The settings of Table 5."""
    return [Setting(lam, profile.k, profile.xi) for lam in profile.lams]


def k_xi_settings(profile: Profile) -> list[Setting]:
    """The settings of Table 6, k by k."""
    return [
        Setting(profile.lam, k, max(1, round(k * ratio)))
        for k in profile.ks
        for ratio in sorted(profile.ratios, reverse=True)
    ]


def longest(profile: Profile) -> Setting:
    """The search with the longest self-evolution: all other settings of its seed fork from it."""
    return Setting(max(*profile.lams, profile.lam), profile.k, profile.xi)


def full_grid(profile: Profile) -> Profile:
    """The same profile with all settings of the paper's Tables 5 and 6."""
    return replace(profile, lams=Profile.lams, ks=Profile.ks, ratios=Profile.ratios)


def require_full_grid(profile: Profile) -> None:
    """Raise SettingError if a profile's searches are shorter than the paper's longest λ."""
    if profile.rounds <= max(Profile.lams):
        raise SettingError(
            f"profile {profile.name} searches for {profile.rounds} rounds, and λ of the paper's Table 5 reaches "
            f"{max(Profile.lams)}. Next: the profile laptop, whose searches are long enough."
        )
