"""Small files of exactly the benchmarks' formats; NAS-Bench-201's are written through its own classes."""

import bz2
import pickle
import random
from collections import OrderedDict

from nas_201_api.api_utils import ArchResults, ResultsCount

CELLS = [
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
    "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
    "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|avg_pool_3x3~2|",
]
TRANS_CELLS = ["64-41414-0_00_000", "64-41414-1_02_333", "64-41414-3_33_333"]
IMAGES = {
    "cifar10-valid": {"train": 25_000, "x-valid": 25_000, "ori-test": 10_000},
    "cifar10": {"train": 50_000, "ori-test": 10_000},
    "cifar100": {"train": 50_000, "x-valid": 5_000, "x-test": 5_000, "ori-test": 10_000},
    "ImageNet16-120": {"train": 151_700, "x-valid": 3_000, "x-test": 3_000, "ori-test": 6_000},
}
SEEDS = {"less": {"cifar10-valid": (777, 888)}, "full": {}}


def training(rng, arch, dataset, seed, epochs):
    """One ResultsCount, as the benchmark's statistics.py fills it: accuracies are shares of right answers."""

    def accuracies(split):
        images = IMAGES[dataset][split]
        return {epoch: 100 * rng.randrange(images // 2, images) / images for epoch in range(epochs)}

    def losses():
        return {epoch: rng.uniform(0, 2) for epoch in range(epochs)}

    config = {"name": "infer.tiny", "channel": 16, "num_cells": 5, "arch_str": arch, "class_num": 10}
    curves = (accuracies("train"), losses())
    result = ResultsCount(dataset, None, *curves, rng.uniform(0, 2), rng.uniform(8, 200), config, seed, epochs, None)
    result.update_latency([rng.uniform(0.01, 0.02) for _ in range(3)])
    result.update_train_info(accuracies("train"), None, losses(), None)
    result.reset_pseudo_train_times(rng.uniform(5, 9))
    for split in list(IMAGES[dataset])[1:]:
        values, lost = accuracies(split), losses()
        if (dataset, split) != ("cifar10-valid", "ori-test"):
            keyed = [{f"{split}@{epoch}": v for epoch, v in d.items()} for d in (values, lost)]
            result.update_eval(*keyed, dict.fromkeys(keyed[0], 0.0))
        else:  # evaluated once, at the end
            result.update_OLD_eval(split, {epochs - 1: values[epochs - 1]}, {epochs - 1: lost[epochs - 1]})
        result.reset_pseudo_eval_times(split, rng.uniform(1, 2))
    return result


def nas201(cells, epochs=(12, 200), seeds=(777, 888, 999)):
    """The content of NAS-Bench-201-v1_1-096897.pth for these cells; the n-th has n of the seeds, in turn."""
    rng, infos = random.Random(0), OrderedDict()
    for index, arch in enumerate(cells):
        infos[index] = {}
        for name, length in zip(("less", "full"), epochs, strict=True):
            results = ArchResults(index, arch)
            for dataset in IMAGES:
                usual = seeds[: 1 + index % len(seeds)] if name == "full" else seeds[:1]
                for seed in SEEDS[name].get(dataset, usual):
                    results.update(dataset, seed, training(rng, arch, dataset, seed, length))
            infos[index][name] = results.state_dict()
    return {"meta_archs": list(cells), "arch2infos": infos, "evaluated_indexes": set(range(len(cells)))}


def nats(folder, cells):
    """NATS-tss-v1_0-3ffb9-simple: one compressed pickle a cell, with hp as text."""
    folder.mkdir()
    content = nas201(cells)
    save(folder / "meta.pickle.pbz2", {"meta_archs": content["meta_archs"], "evaluated_indexes": set()})
    for index, info in content["arch2infos"].items():
        save(folder / f"{index:06d}.pickle.pbz2", OrderedDict({"12": info["less"], "200": info["full"]}))
    return folder


def save(path, content):
    with bz2.BZ2File(path, "w") as file:
        pickle.dump(content, file, protocol=4)


def trans101(cells, epochs=3):
    """The content of transnas-bench_v10141024.pth for these micro cells: plain dictionaries."""
    rng = random.Random(1)
    metrics = {
        "class_object": ["top1", "top5", "loss"], "class_scene": ["top1", "top5", "loss"],
        "jigsaw": ["top1", "top5", "loss"],
        "autoencoder": ["ssim", "l1_loss"], "normal": ["ssim", "l1_loss"], "segmentsemantic": ["mIoU", "acc", "loss"],
        "room_layout": ["neg_loss", "loss"],
    }  # fmt: skip
    names = {task: [f"{s}_{m}" for s in ("train", "valid", "test") for m in ms] for task, ms in metrics.items()}

    def values(metric):
        sign = -1 if "neg" in metric else 1
        return [
            sign * rng.uniform(0.2, 0.9) * (100 if "top" in metric or "mIoU" in metric else 1) for _ in range(epochs)
        ]

    def result(task):
        return {
            "total_epochs": epochs,
            "model_info": {"inference_time": rng.random(), "encoder_params": rng.randrange(10**6)},
            "metrics": {name: values(name) for name in names[task]}
            | {"time_elapsed": [1.0 * i for i in range(epochs)]},
        }

    micro = {cell: {task: result(task) for task in names} for cell in cells}
    macro = {"64-4111-basic": {task: result(task) for task in names}}
    return {
        "metrics_dict": names, "info_names": ["inference_time", "encoder_params"], "task_list": list(names),
        "data": {"macro": macro, "micro": micro},
    }  # fmt: skip


def copied(content):
    """A copy whose parts may be changed."""
    return pickle.loads(pickle.dumps(content))
