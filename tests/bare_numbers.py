"""Finds every figure of a card that no evidence stands behind: a walk over HTML or Markdown as a reader meets it.

A figure is a number in running text: a percentage, a decimal, a count. It needs a link to an entry of the document's evidence in the same
sentence, cell or row. EXCEPT says what is no figure. A threshold quoted from the policy must link to the entry that is the policy.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

FIGURE = re.compile(r"(?<![\w.,#/@:\u2212-])[+\u2212-]?\d[\d,]*(?:\.\d+)?(?!\w)")
"""A number that is no part of a name or a hash, such as those in `all-MiniLM-L6`, `llama-576x30`, `e12`."""
EXCEPT = (
    re.compile(r"\b\d{4}-\d\d-\d\d\b"),  # a date
    re.compile(r"\bv?\d+\.\d+\.\d+\b"),  # a version
    re.compile(r"\bet al\. \d{4}\b"),  # a published source
)
SENTENCE = re.compile("([.!?:](?:\u27e6e\\d+\u27e7)*)\\s+(?=[A-Z\u201c(])")
"""Where a sentence ends; a link that follows its full stop is of that sentence."""
TEXT = ("p", "li", "dd", "dt", "figcaption", "h1", "h2", "h3", "h4", "caption", "summary")
AROUND = ("header", "footer", "section", "figure", "div", "main", "body", "dl", "ul", "ol", "nav", "details")
BLOCKS = frozenset((*TEXT, *AROUND))
CELLS = frozenset(("td", "th"))
ALONE = frozenset(["br", "hr", "meta", "link", "img", "input"])
NO_FIGURES = frozenset(["style", "title", "code", "head"])
"""Elements without figures: ids and commands are code; the page's title repeats its heading."""
QUOTED = frozenset(("said", "quoted", "painted", "secno", "id"))
"""Classes without figures: what models and people said, section numbers, evidence ids."""
AXES = "tick"
"""Class of a plot's scale."""


class _Walk(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[tuple[str, set[str]]] = []
        self.blocks: list[tuple[str, list[str]]] = []
        self.links: list[str] = []
        self.units: list[tuple[str, str]] = []
        """(what it is, text); a link to evidence is ⟦eN⟧ in it."""

    # a row of a table is one unit, a plot with its caption one, any other block one that ends where the next begins
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        classes = set((given.get("class") or "").split())
        if tag in ALONE:
            self._say(" ")
            return
        self.stack.append((tag, classes))
        if tag == "figure":
            self.blocks.append(("figure", []))
        elif tag == "tr":
            self.blocks.append(("row", []))
        elif tag in CELLS or tag in BLOCKS:
            self._say(" | " if self._whole() else "")
            if not self._whole():
                self.blocks.append((tag, []))
        if tag == "a" and (given.get("href") or "").startswith("#e") and not self._skipped():
            self.links.append((given["href"] or "")[1:])
            self._say(f"\u27e6{self.links[-1]}\u27e7")

    def handle_endtag(self, tag: str) -> None:
        if tag in ALONE or not any(name == tag for name, _ in self.stack):
            return
        while self.stack:
            name, _ = self.stack.pop()
            whole = {"figure": "figure", "tr": "row"}.get(name, name)
            if self.blocks and self.blocks[-1][0] == whole and not (self._whole() and whole not in ("figure", "row")):
                self._close()
            if name == tag:
                break

    def handle_data(self, data: str) -> None:
        inside = [name for name, _ in self.stack]
        if self._skipped() or "sup" in inside:
            return
        if any("from-policy" in classes for _, classes in self.stack):
            data = f"\u2039{data}\u203a"
        self._say(data)

    def _whole(self) -> bool:
        """Whether an open row or plot takes in all that is in it."""
        return any(kind in ("figure", "row") for kind, _ in self.blocks)

    def _skipped(self) -> bool:
        return any(name in NO_FIGURES or classes & QUOTED or AXES in classes for name, classes in self.stack)

    def _say(self, text: str) -> None:
        if self.blocks:
            # a row in which a plot stands is one unit
            at = next((i for i, (kind, _) in enumerate(self.blocks) if kind in ("figure", "row")), len(self.blocks) - 1)
            self.blocks[at][1].append(text)

    def _close(self) -> None:
        kind, parts = self.blocks.pop()
        self.units.append((kind, "".join(parts)))


def bare_in_html(text: str) -> list[str]:
    """Each unit of the page with a figure that no evidence stands behind; links that lead nowhere; thresholds that name no policy."""
    head, _, table = text.partition('class="evidence"')
    walk = _Walk()
    walk.feed(head)
    walk.close()
    while walk.blocks:
        walk._close()
    ids = set(re.findall(r'<tr id="(e\d+)">', table))
    policies = {found[1] for found in re.finditer(r'<tr id="(e\d+)">(?:(?!</tr>).)*?policy:[0-9a-f]', table, re.S)}
    return list(_faults(walk.units, ids, policies))


def bare_in_markdown(text: str) -> list[str]:
    """The same of a card in Markdown; its metadata, between `---` lines, has its own test; `>` quotes others."""
    body = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.S)
    head, _, table = body.partition("\n## Evidence\n")
    ids = set(re.findall(r"^- (e\d+): <code>", table, re.M))
    policies = set(re.findall(r"^- (e\d+): <code>policy", table, re.M))
    units = [
        ("row" if line.startswith("|") else "line", _plain(line))
        for line in head.splitlines()
        if line.strip() and not line.startswith("> ")
    ]
    return list(_faults(units, ids, policies))


def _plain(line: str) -> str:
    line = re.sub(r"<code>.*?</code>|`[^`]*`", "", line)
    line = re.sub(r"&#(\d+);", lambda m: chr(int(m[1])), line)
    return re.sub(r"\[(e\d+)\]\(#evidence\)", "\u27e6\\1\u27e7", line)


def _faults(units: list[tuple[str, str]], ids: set[str], policies: set[str]) -> Iterator[str]:
    for kind, text in units:
        for part in [text] if kind in ("row", "figure") else SENTENCE.sub("\\1\0", text).split("\0"):
            linked = re.findall("\u27e6(e\\d+)\u27e7", part)
            yield from (f"a link to nothing, {one}: {_short(part)}" for one in linked if one not in ids)
            quoted = re.findall("\u2039([^\u203a]*)\u203a", part)
            if quoted and not policies & set(linked):
                yield f"a threshold that names no policy: {_short(part)}"
            bare = re.sub("\u27e6e\\d+\u27e7", "", part)
            for no_figure in EXCEPT:
                bare = no_figure.sub("", bare)
            found = FIGURE.search(bare)
            if found and not set(linked) & ids:
                yield f"{found[0]!r} has no evidence: {_short(part)}"


def _short(text: str) -> str:
    return " ".join(text.split())[:240]
