"""The solver's tree, cut to what a person can read."""

from __future__ import annotations

from fpack.packager.conda_tree import cut_tree


def test_a_short_tree_stays() -> None:
    """A tree that can be read is not touched."""
    tree = "├─ a * cannot be installed:\n│  └─ a 1.0 would require\n│     └─ b >=2, which …\n└─ b * …"
    assert cut_tree(tree) == tree


def test_repeats_are_cut() -> None:
    """Of many options that fail alike the first are kept, with what stands below them, and no line twice."""
    options = "".join(f"│  ├─ a {number}.0 would require\n│  │  └─ c >={number}\n" for number in range(9))
    cut = cut_tree(f"├─ a * cannot be installed:\n{options}└─ b * cannot either")
    assert cut.splitlines() == [
        "├─ a * cannot be installed:",
        *(text for n in range(3) for text in (f"│  ├─ a {n}.0 would require", f"│  │  └─ c >={n}")),
        "│  └─ …",
        "└─ b * cannot either",
    ]
    assert cut_tree("├─ a\n│  ├─ same\n│  └─ same\n└─ b") == "├─ a\n│  ├─ same\n└─ b"


def test_long_lines_and_tall_trees() -> None:
    """A line with every version in it ends early, as a tree with too many lines does."""
    assert len(cut_tree("x" * 5000)) < 250
    tall = "\n".join(f"├─ root {number}" for number in range(100))
    assert cut_tree(tall).splitlines()[-1] == "… and 76 lines more"
