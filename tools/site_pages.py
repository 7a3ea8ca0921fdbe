"""What the site is made of: the repository's own pages, at the same places as in the repository.

mkdocs reads one folder only. This hook gives it the pages of the whole repository under their own paths, so that a link
from one page to another works on the site as it does in a checkout. A notebook comes with its outputs where
`make reproduce` has executed it (`results/laptop/notebooks`), else as it is kept, without any.
"""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAGES = ("*.md", "*.cff", "LICENSE", "docs/*.md", "notebooks/**/*.ipynb", "benchmarks/results/*", "data/*.md",
         "results/reference/*.md", "results/reference/figures/*.png")  # fmt: skip
EXECUTED = ROOT / "results" / "laptop"


@event_priority(100)  # before the plugins, which look at what they are given
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The theme's files and the repository's pages."""
    kept = [file for file in files if file.src_dir != config.docs_dir]
    for path in sorted(path for pattern in PAGES for path in ROOT.glob(pattern)):
        name = path.relative_to(ROOT).as_posix()
        source = EXECUTED if path.suffix == ".ipynb" and (EXECUTED / name).exists() else ROOT
        kept.append(File(name, str(source), config.site_dir, config.use_directory_urls))
    return Files(kept)
