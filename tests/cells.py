"""Which names a cell of a notebook binds, and which it takes from other cells."""

import ast
import builtins
import symtable


def bound(table):
    return {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}


def read_inside(table):
    """The global names that functions, classes and comprehensions of a piece of code read."""
    found = set()
    for inner in table.get_children():
        found |= {s.get_name() for s in inner.get_symbols() if s.is_global() and s.is_referenced()}
        found |= read_inside(inner)
    return found


def names(source):
    """The names that a cell binds, and those that it takes from other cells."""
    own, taken = set(), set()
    for statement in ast.parse(source).body:
        table = symtable.symtable(ast.unparse(statement), "a statement", "exec")
        reads = {s.get_name() for s in table.get_symbols() if s.is_referenced()}
        here = bound(table)
        simple = isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Expr)
        taken |= (reads | read_inside(table)) - own - (set() if simple else here)
        own |= here
    return own, taken - set(dir(builtins))
