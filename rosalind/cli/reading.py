"""Commands that read a study: its pages, tables, figures, verdicts and files for other programs."""

import contextlib
import gc
import sys
from pathlib import Path
from typing import Annotated, Literal

import tyro

import rosalind
from rosalind.cli import ending
from rosalind.cli.arguments import Folder, Switch, apart, check_port, idle, loaded, name_and_options
from rosalind.config import is_outside
from rosalind.progress import Progress


def view(
    folders: Annotated[tuple[Path, ...], tyro.conf.Positional],
    host: str = "127.0.0.1",
    port: int = 0,
    views: tuple[str, ...] = (),
    no_token: Switch = False,
    prefix: str = "",
    proxies: tuple[str, ...] = (),
) -> None:
    """Show finished or growing studies in the browser.

    Args:
        folders: One or more study folders.
        host: Address to listen on; anything but loopback lets whoever has the printed address read the studies.
        port: 0 takes a free one.
        views: Further views, module:NAME each, of a module in the current folder or on PYTHONPATH.
        no_token: Show the studies to everyone who reaches the port, other users of this machine too; else only the
            printed address and links copied from its pages do.
        prefix: Path under which a proxy shows the server and which it passes on, such as /rosalind.
        proxies: Host names under which a proxy shows the server, such as lab.example.org.
    """
    apart(views=views)
    check_port(port)
    # Nothing that is imported is garbage, and looking for some takes a tenth of the start.
    gc.disable()
    serve = rosalind.viewer.serve
    gc.freeze()
    gc.enable()
    serve(list(folders), host=host, port=port, views=views, token=not no_token, prefix=prefix, proxies=proxies)


def report(folder: Folder, out: Path | None = None, link: str = "") -> None:
    """Write the figures of a study as PNG, PDF and SVG, a summary in Markdown, and the views as one HTML file.

    Args:
        folder: The study folder.
        out: Where to; the study's folder report/ by default.
        link: An address copied from the viewer: the figures and the HTML file show what it shows.
    """
    # Looking for garbage takes a seventh of the time; without it, figures once drawn stay: 0.15 GB of the demo's.
    gc.disable()
    try:
        for path in _report(folder, out, link):
            print(path)
    finally:
        gc.enable()


def _report(folder: Path, out: Path | None, link: str) -> list[Path]:
    from rosalind.analysis.store import Store
    from rosalind.viewer import address, standalone, views

    judged = rosalind.analysis.claims

    pages, scope, study_results = [], None, rosalind.results.load(folder)
    rosalind.results.check_makeable(out or folder / "report")
    if link:
        store = Store(folder)
        scope = address.scope(store, link, views.choices(store))
    # A study that cannot be written is reported elsewhere; the report judges by itself then.
    with contextlib.suppress(PermissionError):
        rosalind.results.check_makeable(folder / "comparison")
        if not judged.current(study_results):
            judged.save(study_results, judged.evaluate(study_results))
    if study_results.cells(predictions=True) or link:
        pages.append(standalone.write(folder, (out or folder / "report") / "report.html", link))
    return [*rosalind.figures.report(folder, out, scope), *pages]


def export(
    folder: Folder,
    out: Annotated[Path, tyro.conf.Positional],
    network: str | None = None,
    layout: Literal["torch", "flax"] = "torch",
    masks: Switch = False,
) -> None:
    """Write all samples as one tidy table (.parquet, .csv, .csv.gz), or a network's weights (.safetensors, .pt).

    Args:
        folder: The study folder.
        out: The file; its ending says what it is.
        network: Id of the network whose weights are written.
        layout: Names and axes of the weights: PyTorch's, or Flax's as they are stored.
        masks: Weights as torch.nn.utils.prune holds them, NAME_orig and NAME_mask.
    """
    from rosalind.exports import samples, weights

    study_results = loaded(folder)
    if out.name.endswith(samples.ENDINGS):
        if network is not None:
            raise ValueError(f"`network` is for weights ({', '.join(weights.ENDINGS)}), got {out.name!r}.")
        for flag, value, default in (("layout", layout, "torch"), ("masks", masks, False)):
            idle(flag, value, default, f"for a table of samples, {out.name!r}; it is for weights, beside --network")
        print(f"{samples.write_samples(study_results, out)} rows in {out}")
    elif network is None:
        endings = ", ".join(samples.ENDINGS)
        raise ValueError(f"`out` must end in one of {endings}, or `network` be given; got {out.name!r}.")
    else:
        layers = None
        study_results.check_ids(networks=[network])
        if layout == "torch" and is_outside(study_results.networks[network].model):
            layers = rosalind.study.layers(study_results, network)
        count = weights.write_weights(study_results, network, out, layout, masks=masks, layers=layers)
        print(f"{count} values in {out}")


def compare(folder: Folder) -> None:
    """Print what every method kept, cost and reached, beside random masks and dense controls.

    The numbers of each network are in comparison/methods.csv; `rosalind report` draws them.

    Args:
        folder: The study folder.
    """
    study_results = rosalind.results.load(folder)
    if not study_results.cells(predictions=True):
        raise ValueError(" ".join([f"{folder} has no network with a measured cell.", *study_results.problems]))
    methods = rosalind.analysis.robustness.methods
    for problem in filter(None, (*study_results.problems, methods.missing_cells(study_results))):
        print(problem, file=sys.stderr)
    print(methods.text(study_results))


def claims(folder: Folder, claims: tuple[str, ...] = ()) -> None:
    """Judge claims about a study's networks: holds, does not hold, or cannot tell, and what it would take.

    Stored in comparison/claims.json.

    Args:
        folder: The study folder.
        claims: NAME, or with options NAME:OPTION=VALUE, such as blur_pair:first=defocus_blur; rosalind list claims has
            them, and module:NAME is one of your own. All that are built in if none is given.
    """
    judged = rosalind.analysis.claims
    chosen = [name_and_options(text, "claims") for text in claims or judged.CLAIMS]
    study_results = loaded(folder)
    rosalind.results.check_makeable(folder / "comparison")
    measured = {info.name for info in study_results.conditions.values()}
    for claim, options in judged.chosen(chosen).values():
        # A claim's own names exist, and this asks for jax.
        given = {options[option] for option in claim.corruptions if options[option] != claim.options[option]}
        for name in given - measured:
            rosalind.corruptions.check(name)
    with Progress("judging", len(chosen), unit="claims") as progress:
        verdicts = judged.evaluate(study_results, chosen, progress.advance)
    judged.save(study_results, verdicts)
    print(judged.text([judged.as_json(verdict) for verdict in verdicts]))
    if failed := [verdict for verdict in verdicts if verdict.error is not None]:
        lines = "".join(f"\n  {verdict.name}: {verdict.error}" for verdict in failed)
        ending.fail(RuntimeError(f"{len(failed)} of {len(verdicts)} claims could not be measured:{lines}"))


def place(folder: Folder, network: Annotated[str, tyro.conf.Positional], zoo: Path) -> None:
    """Place a network among those of a zoo: percentiles among its peers, nearest neighbours, effective robustness.

    The study must have the zoo's data set, and the network all of its conditions.

    Args:
        folder: The study folder.
        network: Id of a network.
        zoo: Folder of the zoo; experiments/zoo.py makes one.
    """
    networks = rosalind.analysis.zoo.load(zoo)
    with Progress("placing", len(networks.networks), unit="networks") as progress:
        placement = rosalind.analysis.zoo.place(loaded(folder), network, networks, progress.advance)
    print(rosalind.analysis.zoo.text(placement, networks))


def explain(
    folder: Folder,
    a: Annotated[str, tyro.conf.Positional],
    b: Annotated[str, tyro.conf.Positional],
    out: Path | None = None,
) -> None:
    """Explain why B is more accurate under corruption than A: which part, which geometry, which samples.

    Args:
        folder: The study folder.
        a: A network's id or a group of seeds, as tables name it: dense, "biprop 0.8".
        b: The other side.
        out: HTML file of the page; in the study's folder report/ by default.
    """
    page = out or folder / "report" / "explain.html"
    rosalind.results.check_file(page)
    rosalind.results.check_makeable(page.parent)
    rosalind.study.use_compilation_cache()
    loaded(folder)  # says what is left out, where an error only lists what is there
    explained = rosalind.study.explain(folder, a, b)
    print(rosalind.analysis.explanation.text(explained))
    name = rosalind.analysis.explanation.file_of(folder, explained.a, explained.b, "html").name
    print(f"\n{rosalind.figures.explanation.write(explained, out or folder / 'report' / f'explain-{name}')}")
