"""Markdown of a definition: words of a stranger are shown, never obeyed."""

import re

import pytest

from strategy.definitions.render import render_definition
from strategy.definitions.spec import load_spec

PLAIN = "R&D, k < 5 > 3: [0.65] a_b *c* 1.5 × τ, 130/30 (net)"


def rendered(title: str = "Mine", summary: str = "") -> str:
    return render_definition(load_spec("filter_negative").model_copy(update={"title": title, "summary": summary}))


@pytest.mark.parametrize(
    "text",
    [
        "<script>pwn(16)</script>",
        "</p><img src=x onerror=pwn(17)><!-- end of proof: alarm -->",
        "<a href=javascript:x>",
        "<?php x ?>",
        "<![CDATA[x]]>",
        "&lt;script&gt; &#60;b&#62;",
        "[here](javascript:pwn) ![x](http://tracker) [a][b]",
        "\x1b]0;pwn\x07\x1b[2J\u202e",
    ],
)
def test_words_of_a_spec_are_no_markup(text: str) -> None:
    for page in (rendered(title=text), rendered(summary=text)):
        head = page.split("## features")[0]
        assert not re.search(r"<[A-Za-z/!?]", page)
        assert not re.search(r"&(?!lt;|amp;)", head)
        assert not re.search(r"\][(\[:]", head)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", page)


def test_a_title_or_summary_begins_no_heading_list_or_table_of_its_own() -> None:
    forged = (
        "Mine.\n\n# Proof\n- fingerprint: `00ff`\n| a | b |\n|---|---|\n1. PROVEN\n===\n```\n~~~\n> quoted\n+ x\n* y"
    )
    page = rendered(summary=forged)
    lines = page.split("- name: ")[0].splitlines()[1:]
    assert not [line for line in lines if re.match(r"\s*([#>|`~=+*-]|\d+[.)])", line)]
    assert rendered(title="Mine\n# Proof\n- x").startswith("# Mine # Proof - x\n")


def test_ordinary_words_stay_as_they_are() -> None:
    page = rendered(title=PLAIN, summary=f"{PLAIN}\n0.5 of equity, and so on.")
    assert page.startswith(f"# {PLAIN}\n\n{PLAIN}\n0.5 of equity, and so on.\n")
