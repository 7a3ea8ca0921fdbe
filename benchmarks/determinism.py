"""Does the embedded model answer a call the same way whatever was asked before? With a prompt cache or two threads?

    python benchmarks/determinism.py        # minutes on an idle 2-core x86 machine; two threads crawl on a busy one

20 calls like those of a search, each with its own seed, are asked in order and then in two shuffled orders. Printed is
how many calls got more than one reply. The figures of the last run stand in docs/embedded_llm.md.
"""

from random import Random

import xllamacpp

from seki_lib.files.assets import fetch
from seki_lib.llm.local import MODELS, after_space
from seki_lib.spaces import get_space

MODEL = MODELS["smollm2-135m"]


def server(threads: int) -> xllamacpp.Server:
    params = xllamacpp.CommonParams()
    params.model.path = str(fetch(MODEL.asset))
    params.n_ctx, params.n_parallel, params.cache_ram_mib, params.verbosity = MODEL.context, 1, 0, -1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    return xllamacpp.Server(params)


def requests(count: int = 20) -> list[dict[str, object]]:
    """Prompts that share a beginning of many lengths, as a search's do."""
    space, rng = get_space("nas201"), Random("determinism")
    cells = [space.show(space.random(rng), "words") for _ in range(8)]
    return [
        {
            "prompt": "\n".join(
                f"Cell: {cell}" for cell in [*cells[: call % 8], space.show(space.random(rng), "words")]
            )
            + "\nCell:",
            "grammar": after_space(space.reply_grammar("words")),
            "seed": call,
            "temperature": MODEL.temperature,
            "max_tokens": 40,
        }
        for call in range(count)
    ]


def main() -> None:
    calls = requests()
    for threads in (1, 2):
        model = server(threads)
        for cache in (False, True):
            replies: list[set[str]] = [set() for _ in calls]
            for order in range(3):
                shuffled = list(range(len(calls)))
                if order:
                    Random(order).shuffle(shuffled)
                for call in shuffled:
                    answer = model.handle_completions(calls[call] | {"cache_prompt": cache})
                    replies[call].add(answer["choices"][0]["text"])
            changed = sum(len(r) > 1 for r in replies)
            print(
                f"threads {threads}  cache_prompt {cache!s:5}  {changed} of {len(calls)} calls got several replies",
                flush=True,
            )


if __name__ == "__main__":
    main()
