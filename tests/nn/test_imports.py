"""A bare GPU machine has torch, with networkx that torch itself needs, and numpy; nothing else that the kit uses."""

import subprocess
import sys
from pathlib import Path

BARE = """
import sys
import torch._dynamo  # which asks what else is installed

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in sys.argv[1].split(","):
            raise ImportError(f"{name} is not installed here")

sys.meta_path.insert(0, Refuse())
import seki_lib.nn, seki_lib.spaces, seki_lib.training.checkpoint, seki_lib.training.classifier
from seki_lib.datasets.images import load_dataset
print(seki_lib.nn.count("darts", seki_lib.training.protocol.named_architecture("DARTS_V2")[1],
                        channels=4, layers=2, classes=10).parameters)
"""
HEAVY = "pandas,scipy,sklearn,pyarrow,PIL,matplotlib,jinja2,xllamacpp,pooch,tyro,papermill,IPython,jupyterlab"


def test_networks_spaces_and_training_import_with_torch_and_numpy_alone():
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", BARE, HEAVY], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 1000
