"""What `make` runs first, with whatever `python3` is: is this Python new enough, and are the settings valid?

Standard library only, and no syntax that an old Python 3 would stumble over before it can say so.
"""

import shutil
import sys


def stop(sentence):
    sys.exit("make: " + sentence)


def main(settings):
    if sys.version_info < (3, 11):
        found = "{}.{}".format(*sys.version_info[:2])
        stop(f"Python 3.11 or newer is needed, {sys.executable} is {found}. Name another: make PYTHON=python3.12")
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        stop("this Python has no venv module. On Debian or Ubuntu: apt install python3-venv")

    sys.path.insert(0, __file__.rsplit("/", 2)[0] if "/" in __file__ else "..")
    from seki_lib.files.errors import SekiError
    from seki_lib.files.user_input import whole_number
    from seki_lib.llm import get_llm
    from seki_lib.llm.budget import Limits
    from seki_lib.profiles import get_profile, parse_seeds

    try:
        get_profile(settings["PROFILE"])
        get_llm(settings["LLM"])
        Limits.from_environment()
        if settings["SEEDS"]:
            parse_seeds(settings["SEEDS"])
    except SekiError as error:
        stop(str(error))
    if settings["CLUSTER"] not in ("", "slurm"):
        stop("unknown CLUSTER {!r}; valid: slurm, or nothing for this machine".format(settings["CLUSTER"]))
    if settings["CLUSTER"] and not shutil.which("sbatch"):
        stop(
            "sbatch is not on this machine, so no job can be submitted. Run make on a login node of the cluster, load "
            "its SLURM module, or leave CLUSTER out to run on this machine."
        )
    try:
        whole_number(settings["JOBS"] or "1", 1)
    except ValueError:
        stop("unknown JOBS {!r}; valid: a whole number from 1 on, or nothing for one per core".format(settings["JOBS"]))


if __name__ == "__main__":
    main(dict(argument.split("=", 1) for argument in sys.argv[1:]))
