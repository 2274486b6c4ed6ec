"""`relume card` and `relume acts`: measures an act, and lists all of them."""

from pathlib import Path
from typing import Annotated

import typer

from relume.cli.options import ListForm, wants_json
from relume.cli.trial_options import Import, import_acts
from relume.errors import UsageError
from relume.report.console import console, print_sentence, spinner


def card(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="ACT ...", help="Names, with parameters if need be: 'elu(0.5)'."),
    ] = None,
    side: Annotated[
        str | None,
        typer.Option("--compare", metavar="ACTS", help="Side by side: relu,gelu,silu."),
    ] = None,
    form: Annotated[
        str, typer.Option("--output-format", metavar="full|json", help="How to show it.")
    ] = "full",
    file: Annotated[
        Path | None,
        typer.Option("-o", "--output-file", help="Write to this .json, .svg (a plot) or .txt."),
    ] = None,
    plot: Annotated[bool, typer.Option("--plot/--no-plot", help="Draw value and slope.")] = True,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Every property, not the ten first.")
    ] = False,
    methods: Annotated[
        bool, typer.Option("--methods", help="Say how each property is measured.")
    ] = False,
    width: Annotated[int, typer.Option(help="Units in a layer of the random nets.")] = 512,
    depth: Annotated[int, typer.Option(help="Layers of the random nets.")] = 8,
    samples: Annotated[int, typer.Option(help="Inputs on which a dead unit is dead.")] = 3000,
    timing: Annotated[bool, typer.Option("--timing/--no-timing", help="Use the clock.")] = True,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure again, whatever was kept.")
    ] = False,
    imports: Import = None,
) -> int:
    """Measure what an activation function is, on this machine and build."""
    from relume.report.card_output import card_order, deliver_cards, split_acts

    wanted = card_order(
        form, file, side_by_side=side is not None, plots=plot, verbose=verbose, methods=methods
    )
    names = split_acts([*(words or ()), *([side] if side else [])])
    if not names:
        raise UsageError("name an act, such as 'relume card gelu'; 'relume acts' lists them.")
    with spinner("getting ready") as busy:
        from relume.acts.lookup import act as find

        import_acts(imports)
        from relume.cards.build_card import card as measure

        chosen = [find(name) for name in names]
        options = {"width": width, "depth": depth, "samples": samples}
        cards = [
            measure(
                one,
                **options,
                timing=timing,
                fresh=fresh,
                progress=lambda title, one=one: busy(f"{one.name}: {title}"),
            )
            for one in chosen
        ]
    deliver_cards(cards, wanted, console())
    if form == "full" and wanted.file is None and (verbose or side is None):
        for one in chosen:
            print_lessons(one.name)
    if wanted.file is not None:
        print_sentence(f"{'the card is' if len(cards) == 1 else 'the cards are'} in {wanted.file}.")
    return 0


def acts(
    pattern: Annotated[
        str, typer.Argument(metavar="GLOB", help="Only these, such as '*elu'.")
    ] = "*",
    imports: Import = None,
    form: ListForm = "full",
) -> int:
    """List the activation functions, with formula, year, parameters and reference."""
    data = wants_json(form)
    with spinner("getting ready"):
        from relume.acts.lookup import act as find
        from relume.acts.lookup import list_acts

        import_acts(imports)
    from relume.report.machine.list_rows import ActRow, rows_as_json
    from relume.report.terminal.act_list import act_table

    names = list_acts(pattern)
    if not names:
        raise UsageError(f"no act matches {pattern!r}; 'relume acts' lists them all.")
    chosen = [find(name) for name in names]
    entries = [
        ActRow(
            one.name,
            one.family,
            one.formula,
            one.year,
            ", ".join(
                f"{name}{'*' * (name in one.learnable)}={default!r}"
                for name, default in one.defaults.items()
            ),
            one.reference,
        )
        for one in chosen
    ]
    if data:
        from relume.report.machine.json_file import emit

        emit(rows_as_json(entries))
    else:
        act_table(entries, console())
    return 0


def print_lessons(act: str) -> None:
    """Print which lessons of the atlas are about an act; those on the functions first."""
    from relume.atlas.lesson import about

    texts = sorted(about("cards", act), key=lambda text: text.claim[0] != "F")
    if texts:
        named = ", ".join(f"{text.claim} {text.name}" for text in texts)
        console().print(f" Lessons about {act} (relume atlas {texts[0].name} --open): {named}.\n")
