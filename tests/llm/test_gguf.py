"""The ladder of GGUF models, downloaded from a loopback hub that serves ranges, cuts connections and lies."""

import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from seki_lib.files.errors import AssetError, LLMError, UnknownName
from seki_lib.llm import get_llm, gguf, local
from seki_lib.llm.gguf import GGUFS, Gguf, Part, fetch_gguf, locate_gguf

CONTENT = {"tiny-00001-of-00002.gguf": bytes(range(256)) * 8000, "tiny-00002-of-00002.gguf": b"the rest" * 999}


def part(name):
    return Part(name, len(CONTENT[name]), hashlib.sha256(CONTENT[name]).hexdigest())


TINY = Gguf("Somebody/Tiny-GGUF", "Apache-2.0", tuple(map(part, CONTENT)))


class Hub:
    """Answers HEAD with the published hash and a redirect, and GET with a redirect to storage that serves ranges."""

    def __init__(self):
        self.cuts = []  # after so many bytes of the next answers the connection ends
        self.published, self.content, self.ranges = {}, dict(CONTENT), True
        self.asked, self.authorized, self.waits = [], [], []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def _handler(hub):  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments):
                pass

            def do_HEAD(self):
                name = self.path.rpartition("/")[2]
                digest = hub.published.get(name, hashlib.sha256(CONTENT[name]).hexdigest())
                self.send_response(302)
                self.send_header("X-Linked-Etag", f'"{digest}"')
                self.send_header("Location", f"http://localhost:{hub._server.server_port}/storage/{name}")
                self.end_headers()

            def do_GET(self):
                hub.authorized.append((self.path.split("/")[1], self.headers["Authorization"]))
                if not self.path.startswith("/storage/"):
                    return self.do_HEAD()
                content = hub.content[self.path.rpartition("/")[2]]
                begin = int(re.findall(r"\d+", self.headers["Range"])[0]) if hub.ranges else 0
                hub.asked.append((self.path.rpartition("/")[2], begin))
                body = content[begin:]
                self.send_response(206 if hub.ranges else 200)
                if hub.ranges:
                    self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: hub.cuts.pop(0)] if hub.cuts else body)
                return None

        return Handler


@pytest.fixture
def hub(monkeypatch, tmp_path):
    hub = Hub()
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for variable in ("SEKI_DATA", "SEKI_MIRROR", gguf.CAP):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(gguf, "time", SimpleNamespace(sleep=hub.waits.append))
    yield hub
    hub.close()


def test_a_model_of_several_files_arrives_whole_and_is_named_by_its_first(hub):
    path = fetch_gguf(TINY)
    assert path.name == "tiny-00001-of-00002.gguf"
    assert {p.name: p.read_bytes() for p in path.parent.glob("*.gguf")} == CONTENT
    assert not list(path.parent.glob("*.part"))
    assert locate_gguf(TINY) == path
    asked = len(hub.asked)
    assert fetch_gguf(TINY) == path and len(hub.asked) == asked  # what is here is not asked for


def test_a_download_goes_on_after_each_cut_without_a_byte_twice(hub):
    hub.cuts = [100_000, 1, 1_500_000]
    assert fetch_gguf(TINY).read_bytes() == CONTENT["tiny-00001-of-00002.gguf"]
    begins = [begin for name, begin in hub.asked if name.startswith("tiny-00001")]
    assert begins == [0, 100_000, 100_001, 1_600_001]
    assert hub.waits == []  # each request brought something


def test_a_server_that_gives_nothing_is_given_up_and_the_same_command_goes_on(hub):
    hub.cuts = [500_000] + [0] * 100
    with pytest.raises(AssetError, match=r"0\.0 GB of 0\.0 GB are here, then the download stopped"):
        fetch_gguf(TINY)
    assert len(hub.waits) == gguf.TRIES - 1
    hub.cuts, hub.asked = [], []
    fetch_gguf(TINY)
    assert hub.asked[0] == ("tiny-00001-of-00002.gguf", 500_000)


def test_a_hub_that_is_not_there_is_an_asset_error(hub, monkeypatch):
    hub.close()
    with pytest.raises(AssetError, match="ConnectError"):
        fetch_gguf(TINY)


def test_a_file_with_another_content_never_takes_the_name(hub):
    hub.content["tiny-00001-of-00002.gguf"] = b"x" * len(CONTENT["tiny-00001-of-00002.gguf"])
    with pytest.raises(AssetError, match=r"is [0-9a-f]{64}, expected [0-9a-f]{64}.*moved to"):
        fetch_gguf(TINY)
    assert locate_gguf(TINY) is None
    hub.content = dict(CONTENT)
    assert fetch_gguf(TINY).read_bytes() == CONTENT["tiny-00001-of-00002.gguf"]  # the same command starts anew


def test_a_hub_that_publishes_another_hash_is_not_downloaded_from(hub):
    hub.published["tiny-00001-of-00002.gguf"] = "0" * 64
    with pytest.raises(AssetError, match=r"the hub publishes the SHA-256 0{64}, this kit expects"):
        fetch_gguf(TINY)
    assert hub.asked == []


def test_a_server_without_ranges_starts_over_instead_of_appending(hub):
    hub.ranges, hub.cuts = False, [700_000]
    assert fetch_gguf(TINY).read_bytes() == CONTENT["tiny-00001-of-00002.gguf"]


def test_a_server_that_sends_too_much_is_not_believed(hub):
    hub.content["tiny-00002-of-00002.gguf"] += b"more"
    with pytest.raises(AssetError, match=r"more than 7992 bytes came"):
        fetch_gguf(TINY)


def test_the_token_goes_to_the_hub_and_not_to_the_storage_it_redirects_to(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetch_gguf(TINY)
    assert {place for place, token in hub.authorized if token} == {"Somebody"}
    assert ("storage", None) in hub.authorized


def test_too_little_disk_is_said_before_anything_is_downloaded(hub, monkeypatch):
    monkeypatch.setattr(gguf.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(AssetError, match=r"Somebody/Tiny-GGUF takes 0\.0 GB; .* has 0\.0 GB free"):
        fetch_gguf(TINY)
    assert hub.asked == []


def test_the_ladder_is_the_papers_family_with_licence_size_and_hashes():
    sizes = ("0.5", "coder-0.5", "1.5", "coder-1.5", "3", "7", "14", "32")
    assert list(GGUFS) == [f"qwen2.5-{size}b" for size in sizes]
    sizes = [model.size for model in GGUFS.values()]
    assert sizes == sorted(sizes) and sizes[0] > 0.4e9 and sizes[-1] < 20e9
    assert all(re.fullmatch(r"[0-9a-f]{64}", part.sha256) for model in GGUFS.values() for part in model.parts)
    assert {name for name, model in GGUFS.items() if model.licence != "Apache-2.0"} == {"qwen2.5-3b"}
    assert GGUFS["qwen2.5-32b"].parts[4].filename == "qwen2.5-32b-instruct-q4_k_m-00005-of-00005.gguf"


def test_short_memory_is_a_sentence_that_names_what_would_fit():
    size = GGUFS["qwen2.5-32b"].size
    with pytest.raises(LLMError, match=r"needs about 22\.8 GB of memory; 8\.0 GB are free.*local:qwen2\.5-7b"):
        local.check_memory("qwen2.5-32b", size, int(8e9), 0)
    assert local.check_memory("qwen2.5-32b", size, int(8e9), int(80e9))  # all layers on the GPU
    assert not local.check_memory("qwen2.5-32b", size, int(16e9), int(12e9))  # some of them
    assert not local.check_memory("qwen2.5-32b", size, None, 0)  # the system does not say: try
    with pytest.raises(LLMError, match=r"local:smollm2-135m"):
        local.check_memory("qwen2.5-0.5b", GGUFS["qwen2.5-0.5b"].size, int(1e8), 0)


def test_a_gpu_is_found_among_the_devices_that_llama_cpp_lists():
    cpu = {"name": "CPU", "memory_free": 9, "type": "ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU"}
    gpu = {"name": "CUDA0", "memory_free": 7, "type": "ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_GPU"}
    assert local._gpu_memory([cpu]) == 0
    assert local._gpu_memory([cpu, gpu, gpu | {"memory_free": 8}]) == 8


def test_any_gguf_file_can_be_named_by_its_path(embedded, tmp_path):
    link = tmp_path / "mine.gguf"
    link.symlink_to(embedded._file())
    llm = get_llm(f"local:{link}")
    assert (llm.templates, llm.notation) == ("full", "names")
    assert llm.settings["bytes"] == link.stat().st_size
    reply = llm.complete([{"role": "user", "content": "Hello"}], seed=1, max_tokens=3)
    assert reply.usage["completion_tokens"] == 3 and str(Path(tmp_path)) not in reply.model
    with pytest.raises(LLMError, match="there is no such file"):
        get_llm(f"local:{tmp_path / 'nothing.gguf'}")
    with pytest.raises(UnknownName, match=r"qwen2\.5-32b"):
        get_llm("local:qwen2.5-72b")


def test_a_gguf_file_is_known_by_the_ending_of_its_name_in_any_case(tmp_path):
    blob = tmp_path / "0123abcd"  # as the cache of a hub keeps it, with a link that bears the name
    blob.write_bytes(b"GGUF....")
    link = tmp_path / "MINE.GGUF"
    link.symlink_to(blob)
    llm = get_llm(f"local:{link}")
    assert (llm.settings["file"], llm.settings["bytes"], llm._file()) == ("MINE.GGUF", 8, link)


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", 'Git LFS pointer.*"git lfs pull"'),
        (b"<!DOCTYPE html>", "is no GGUF file: it begins with b'<!DOCTYPE html>'"),
        (b"", "is no GGUF file"),
    ],
)
def test_a_file_that_is_no_model_is_named_before_it_is_loaded(start, said, tmp_path):
    path = tmp_path / "M.gguf"
    path.write_bytes(start)
    with pytest.raises(LLMError, match=said):
        get_llm(f"local:{path}")
