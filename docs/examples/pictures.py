"""Draw the pictures of docs/watching.md, from runs of the other examples.

    pip install "neps-framework[examples,analysis]" playwright
    python pictures.py

It takes some minutes. The runs are left in `pictures_results`, the pictures in its folder `pictures`. The page is
photographed where Playwright and a Chromium are there (CHROMIUM says where, /usr/bin/chromium otherwise).
"""

import os
import shutil
from pathlib import Path

import accuracy_and_size
import multi_fidelity
import quickstart

import neps
from neps_plugins.report import write_report

FOLDER = Path("pictures_results").absolute()
PICTURES = FOLDER / "pictures"

#: Of which run which kinds are shown.
SHOWN = {
    "multi_fidelity_results/hyperband": ["anytime", "importance", "effects", "contour", "rank", "parallel", "rungs"],
    "accuracy_and_size_results": ["front", "hypervolume"],
    "quickstart_results": ["distribution", "timeline"],
}


def searches_over_seeds():
    """Two optimizers with three seeds each."""
    for optimizer in ("random_search", "bayesian_optimization"):
        for seed in range(3):
            root = FOLDER / f"{optimizer}_{seed}"
            neps.run(
                quickstart.evaluate_pipeline,
                quickstart.Space(),
                root_directory=root,
                overwrite_root_directory=True,
                optimizer=optimizer,
                seed=seed,
                evaluations_to_spend=25,
            )
            yield root


def photograph(page, picture):
    """The page in a browser, if there is one."""
    chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print("no photograph of the page: Playwright is not installed")
        return
    if not Path(chromium).exists():
        print(f"no photograph of the page: there is no {chromium}")
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1200, "height": 900})
        tab.goto(page.as_uri())
        tab.wait_for_timeout(3000)
        tab.screenshot(path=picture)
        browser.close()


def main():
    PICTURES.mkdir(parents=True, exist_ok=True)
    os.chdir(FOLDER)
    for example in (quickstart, multi_fidelity, accuracy_and_size):
        example.main()
    roots = list(searches_over_seeds())
    drawn = neps.plot(roots, filename="comparison", dpi=110)
    for root, kinds in SHOWN.items():
        drawn += neps.plot(root, kind=kinds, dpi=110)
    for path in drawn:
        shutil.copy(path, PICTURES / path.name)
    photograph(write_report(["multi_fidelity_results/hyperband"], FOLDER / "report.html"), PICTURES / "page.png")
    print(f"\nThe pictures are in {PICTURES}")


if __name__ == "__main__":
    main()
