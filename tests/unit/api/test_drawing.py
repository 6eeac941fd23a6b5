"""Pictures of architectures: their arrows against what the papers published, and their text."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from places import SHARED

from nasframe import (
    Architecture,
    Box,
    Choice,
    Drawing,
    Look,
    NasframeError,
    option,
)
from nasframe.api.drawing import draw_choices
from nasframe.registry.options import options

PUBLISHED = SHARED / "facts" / "published.json"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def published() -> Any:
    if not PUBLISHED.is_file():
        pytest.skip(f"{PUBLISHED} is not here")
    return json.loads(PUBLISHED.read_text())


def space(name: str, **settings: Any) -> Any:
    return option("search_space", name, **settings).build()  # type: ignore[attr-defined]


def drawn(drawing: Drawing) -> tuple[list[str], Counter[tuple[str, str]]]:
    """The labels and the arrows of the picture itself, by the names of boxes."""
    root = ElementTree.fromstring(drawing.svg())
    names = {f"n{place}": box.name for place, box in enumerate(drawing.boxes)}
    labels, arrows = [], []
    for group in root.iter(f"{SVG}g"):
        title = group.findtext(f"{SVG}title") or ""
        if group.get("class") == "node":
            labels.append("\n".join(text.text or "" for text in group.iter(f"{SVG}text")))
        if group.get("class") == "edge":
            begin, end = title.split("->")
            arrows.append((names[begin], names[end]))
    return labels, Counter(arrows)


def test_nasnet_a_has_the_published_arrows(published: Any) -> None:
    cells = published["nasnet_a"]
    outputs = {f"{name}_outputs": cells[name]["concat"] for name in ("normal", "reduction")}
    given = space("nasnet", **outputs)
    drawing = given.draw(given.encode("nasnet_a"))
    wanted: Counter[tuple[str, str]] = Counter()
    operations = []
    for title, cell in (("Normal cell", cells["normal"]), ("Reduction cell", cells["reduction"])):

        def state(number: int, title: str = title) -> str:
            return f"{title}.h{number}" if number < 2 else f"{title}.block{number - 2}"

        for place, sides in enumerate(cell["blocks"]):
            for side, (number, operation) in zip(("left", "right"), sides, strict=True):
                middle = f"{state(place + 2)}.{side}"
                wanted.update([(state(number), middle), (middle, state(place + 2))])
                operations.append(operation)
        wanted.update((state(number), f"{title}.output") for number in cell["concat"])
    labels, arrows = drawn(drawing)
    # The two operands of a sum have no order: a search tells them apart by canonical keys alone.
    assert arrows == wanted
    assert Counter(labels) == Counter(
        [*operations, *["add"] * 10, *["h(i)", "h(i-1)", "h(i+1)"] * 2]
    )


def test_the_cell_of_the_penn_treebank_has_the_published_tree(published: Any) -> None:
    cell = published["nas_ptb_cell"]
    given = space("nas_rnn", base=cell["base"])
    labels, arrows = drawn(given.draw(given.encode("nas_ptb_cell")))
    inject = cell["cell_index"]["c_prev_into"]

    def output(node: int) -> str:
        return "inject" if node == inject else f"node{node}"

    wanted = [(x, f"node{leaf}") for leaf in range(cell["base"]) for x in ("x(t)", "h(t-1)")]
    for node, children in cell["children"].items():
        wanted += [(output(child), f"node{node}") for child in children]
    memory = cell["cell_index"]["c_t_from_preactivation_of"]
    wanted += [(f"node{inject}", "inject"), ("c(t-1)", "inject")]
    wanted += [(output(len(cell["nodes"]) - 1), "h(t)"), (f"node{memory}", "c(t)")]
    assert arrows == Counter(wanted)
    assert Counter(label for label in labels if "(" not in label and "inject" not in label) == (
        Counter(", ".join(node) for node in cell["nodes"])
    )


def test_figure_7_has_its_skip_connections(published: Any) -> None:
    figure = published["nas_v1_cnn_fig7"]
    given = space("nas_cnn")
    labels, arrows = drawn(given.draw(given.encode("nas_cnn_v1")))
    wanted = [
        ("image" if source == "img" else f"layer{source}", f"layer{layer}")
        for layer, sources in enumerate(figure["inputs"])
        for source in sources
    ]
    wanted += [(f"layer{layer}", "softmax") for layer in figure["to_classifier"]]
    assert arrows == Counter(wanted)
    sizes = zip(figure["fh_fw"], figure["filters_n"], strict=True)
    layers = [f"{n}: {h}x{w}, {filters}" for n, ((h, w), filters) in enumerate(sizes)]
    assert Counter(labels) == Counter(["image", *layers, "softmax"])


def test_mnasnet_a1_is_the_published_chain(published: Any) -> None:
    blocks = published["mnasnet_a1"]["blocks"]
    filters = [row[6] for row in blocks]
    layers = [max(1, row[4]) for row in blocks]
    given = space("mnasnet", filters=filters, layers=layers, strides=[row[3] for row in blocks])
    labels, arrows = drawn(given.draw(given.encode("mnasnet_a1")))
    chain = ["image", "stem", *(f"block{k}" for k in range(len(blocks))), "head", "classes"]
    assert arrows == Counter(pairwise(chain))
    for label, (op, expand, kernel, stride, repeats, _, out, se, _) in zip(
        labels[2:-2], blocks, strict=True
    ):
        name = "sep" if op == "sep" else f"mbconv{expand}"
        assert re.search(rf": {repeats} x {name} {kernel}x{kernel} se{se:g} \w+ {out}\n", label)
        assert label.endswith(f"stride {stride}")


@pytest.mark.parametrize(
    "name", [o.name for o in options() if o.group == "search_space" and o.name != "table"]
)
def test_every_space_can_be_drawn(name: str) -> None:
    given = space(name)
    for tokens in ([0], [-1]):
        options_ = [tokens[0] % len(choice.options) for choice in given.choices]
        architecture = Architecture(tuple(options_[: given.active(0)]))
        labels, arrows = drawn(given.draw(architecture))
        assert labels
        assert arrows.total() or name == "nasbench201"


def test_any_other_space_is_drawn_as_a_list() -> None:
    choices = (Choice("a.x", (1, 2)), Choice("a.y", ("p",)), Choice("b", (3,)))
    labels, arrows = drawn(draw_choices(choices, (1, 0, 0)))
    assert labels == ["a\nx = 2\ny = p", "b = 3"]
    assert arrows == Counter([("a", "choices")])
    assert len(drawn(draw_choices(choices, (1, 0)))[0]) == 1


HOSTILE = [
    "<script>alert(1)</script>",
    "<b>bold</b>",
    "back\\slash \\N \\n",
    '"quoted" & <x>',
    "\x07bell",
    "العربية 中文 😀",
    "x" * 500,
    "%s {braces} |bars|",
]


def test_text_stays_text() -> None:
    boxes = tuple(Box(label, label, Look.operation, label) for label in HOSTILE)
    picture = Drawing(boxes, ()).svg()
    root = ElementTree.fromstring(picture)
    assert not [node for node in root.iter() if node.tag.endswith("script")]
    labels = {label.replace("\u200b", "") for label in drawn(Drawing(boxes, ()))[0]}
    shown = {label.replace("\xa0", " ") for label in labels}
    assert shown == {text.replace("\x07", " ")[:60] for text in HOSTILE}


def test_a_drawing_is_a_graph() -> None:
    with pytest.raises(NasframeError, match="two boxes of one name"):
        Drawing((Box("a", "1"), Box("a", "2")), ())
    with pytest.raises(NasframeError, match="an arrow .*'b'.*, and no such box"):
        Drawing((Box("a", "1"),), (("a", "b"),))
