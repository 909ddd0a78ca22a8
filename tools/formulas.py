"""TeX to MathML, which browsers display by themselves: MathJax would come from a network."""

import html
from xml.etree import ElementTree

from latex2mathml.converter import convert

FAILED = '<code class="tex">'  # before a formula that stays TeX
NAMESPACE = "http://www.w3.org/1998/Math/MathML"

FUNCTIONS = ("arg", "cos", "det", "exp", "lim", "ln", "log", "max", "min", "sin", "tan")
LARGE = ("∑", "∏", "⋃", "⋂")
LIMITS = {"msub": "munder", "msup": "mover", "msubsup": "munderover"}
BRACES = {"munder": ("⏟", "⎵"), "mover": ("⏞", "⎴")}
SIGNS, CLOSING = ("−", "+"), (")", "]", "!", "|", "‖")
THIN = "0.167em"  # TeX's space beside a function's name


def formula(tex, display):
    """TeX -> MathML, display "inline" or "block"; what the converter does not know stays TeX."""
    tex = tex.strip().replace("{aligned}", "{align*}")  # the same, and the converter knows it
    try:
        found = convert(tex, display=display)
    except Exception:  # the converter has no error of its own; the reader gets the TeX
        return f"{FAILED}{html.escape(tex)}</code>"
    ElementTree.register_namespace("", NAMESPACE)
    root = ElementTree.fromstring(found)
    for element in root.iter():
        element.tag = element.tag.removeprefix(f"{{{NAMESPACE}}}")
    for element in list(root.iter()):
        mend(element)
    root.set("xmlns", NAMESPACE)
    return ElementTree.tostring(root, encoding="unicode")


def mend(element):
    """Set right, in place, what latex2mathml says in another way than browsers read it."""
    upright = [child.get("mathvariant") == "normal" and child.tag == "mi" for child in element]
    if element.tag == "mrow" and len(element) > 1 and all(upright):
        # \mathrm{KL} comes letter by letter; a name of several letters is upright by itself
        name = "".join(child.text for child in element)
        element.clear()
        element.tag, element.text = "mi", name
    elif element.tag == "mi" and element.text == "~":
        element.tag, element.text = "mo", "∼"  # \sim is a relation and has space around it
    elif element.tag == "mo" and element.text in LARGE:
        element.attrib.update(largeop="true", movablelimits="true")
    elif element.tag in BRACES and element[1].text in BRACES[element.tag]:
        # browsers stretch a brace over a few letters only: the style sheet draws a line instead
        element[0].set("class", f"{element.tag}-brace")
        element.remove(element[1])
        element.tag = "mrow"
    elif element.tag in LIMITS and element[0].text in LARGE and element[0].tag == "mo":
        element.tag = LIMITS[element.tag]  # below and above in a line of its own, beside in text
    if element.tag not in ("msub", "msup", "msubsup", "mfrac", "munder", "mover", "munderover"):
        space(element)


def space(row):
    """Space beside a function's name (log q, not logq) and none after a sign, in place."""
    children = list(row)
    for before, child in zip(children, children[1:], strict=False):
        if child.tag == "mo" and child.text in SIGNS and not ends(before):
            child.set("form", "prefix")  # a sign, and no difference
    for child in reversed(children):
        base = child[0] if child.tag in ("msub", "msup", "munder") and len(child) else child
        if base.tag != "mi" or base.text not in FUNCTIONS:
            continue
        at = children.index(child)
        if at + 1 < len(children) and operand(children[at + 1]):
            row.insert(at + 1, ElementTree.Element("mspace", width=THIN))
        if at and ends(children[at - 1]):
            row.insert(at, ElementTree.Element("mspace", width=THIN))


def operand(element):
    """Whether an element begins an operand, so that space before it is missing."""
    bracket = element.tag == "mrow" and len(element) and element[0].tag == "mo"
    return element.tag not in ("mo", "mspace") and not bracket


def ends(element):
    """Whether an element ends an operand."""
    return element.tag not in ("mo", "mspace") or element.text in CLOSING
