"""Splits PTX text into the statements of its functions, with their places in the text."""
import re
from typing import NamedTuple

LINE_DIRECTIVE = re.compile(r"\.(version|target|address_size|file|loc|section)\b[^\n]*")
FUNCTION = re.compile(r"\.(entry|func)\b")
LABEL = re.compile(r"([A-Za-z_$%][\w$]*)\s*:(?!:)")
SPACE = re.compile(r"\s+")


class Statement(NamedTuple):
    """text[start:end], with the semicolon; `labels` stand before it."""
    start: int
    end: int
    line: int
    function: str
    labels: tuple
    guard: str  # "@%p", "@!%p" or nothing
    opcode: str  # with its modifiers
    operands: tuple

    def instruction(self, guard=None, opcode=None, operands=None):
        """The statement's text, with some parts replaced."""
        guard = self.guard if guard is None else guard
        operands = ", ".join(self.operands if operands is None else operands)
        return f"{guard} {opcode or self.opcode} {operands}".strip() + ";"


def without_comments(text):
    """The text with comments replaced by blanks; line ends stay."""
    return re.sub(r"//[^\n]*|/\*.*?\*/", lambda found: re.sub(r"[^\n]", " ", found.group()), text, flags=re.DOTALL)


def split_operands(text):
    """Operands at the top level: commas in brackets and braces do not part them."""
    operands, depth, start = [], 0, 0
    for k, c in enumerate(text):
        depth += (c in "[{(") - (c in "]})")
        if c == "," and depth == 0:
            operands.append(text[start:k])
            start = k + 1
    operands.append(text[start:])
    return tuple(" ".join(operand.split()) for operand in operands if operand.strip())


def function_name(header):
    """The name behind .entry, or behind .func and its result."""
    return re.search(r"\.(?:entry|func)\s*(?:\([^)]*\)\s*)?([\w$%]+)", header).group(1)


def statements(text):
    """Yields the instructions of all functions; directives and declarations are left out."""
    blank = without_comments(text)
    at, depth, function, labels = 0, 0, "", []
    while at < len(blank):
        if found := SPACE.match(blank, at) or LINE_DIRECTIVE.match(blank, at):
            at = found.end()
        elif blank[at] in "{}":
            depth += 1 if blank[at] == "{" else -1
            at += 1
        elif blank[at] == ";":
            at += 1
        elif found := LABEL.match(blank, at):
            labels.append(found.group(1))
            at = found.end()
        elif blank[at] == "." and depth == 0:
            at = after_directive(blank, at)
            header = blank[:at]
            header = header[max(header.rfind(";"), header.rfind("}")) + 1:]
            function = function_name(header) if FUNCTION.search(header) else function
        else:
            end = blank.index(";", at) + 1
            if blank[at] != ".":
                yield parse(blank, at, end, function, labels)
                labels = []
            at = end


def after_directive(blank, at):
    """Where a directive outside of functions ends: before the body of a function, or behind the semicolon."""
    end = re.compile(r"[;{]").search(blank, at).end()
    if FUNCTION.search(blank, at, end):
        return end - (blank[end - 1] == "{")
    return blank.index(";", at) + 1


def parse(blank, start, end, function, labels):
    found = re.match(r"(@!?[\w$%]+)?\s*([\w.:]+)\s*", blank[start:end])
    return Statement(start, end, blank.count("\n", 0, start) + 1, function, tuple(labels), found.group(1) or "", found.group(2),
                     split_operands(blank[start + found.end():end - 1]))
